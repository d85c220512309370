"""The runner and the time: a child that does not end its training is ended; one that evaluates is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.trainer.runner import ChildRunner
from shared.problems import Category
from tests.processes import living
from tests.unit.trainer.test_runner import ODD, Watched, odd
from tests.waiting import until


async def test_a_killed_childs_followers_have_the_time_that_is_left(tmp_path: Path) -> None:
    runner = ChildRunner(ODD)
    specification = replace(odd("killed after each of four epochs"), checkpoint_path=str(tmp_path / "epochs"))

    outcome = await runner.run(replace(specification, seconds_left=1000.0), lambda _: None)
    await runner.stop()

    assert 0 < outcome.summary["left"] < 1000.0


async def test_a_child_that_never_says_that_it_is_trained_is_ended_when_its_time_is_over() -> None:
    runner, told = ChildRunner(ODD, least_grace=0.0), list[dict[str, Any]]()

    outcome = await runner.run(replace(odd("never ends", helpers=1), seconds_left=4.0), told.append)
    await runner.stop()

    assert outcome.problem is not None
    assert (outcome.problem.category, outcome.problem.title) == (Category.RESOURCE_EXHAUSTION, "The time limit is over")
    assert "Dense had 4 s left of its time_limit_seconds" in outcome.problem.detail
    assert any("max_samples" in advice for advice in outcome.problem.recovery)
    assert len(told) == 1, "no other child follows"
    await until(lambda: not living(told[0]["processes"]), what="child and grandchild have ended")


async def test_what_follows_the_models_own_fit_has_no_limit_of_time(tmp_path: Path) -> None:
    runner, loop = ChildRunner(ODD, least_grace=5.0), asyncio.get_running_loop()
    specification = replace(odd("evaluates until asked to end"), output_directory=str(tmp_path), seconds_left=0.0)
    running = Watched(runner, specification)
    await until(lambda: len(running.told) == 2, what="the child evaluates", seconds=60)
    over = loop.time() + 5.0

    await until(lambda: loop.time() > over, what="time and grace are over")
    (tmp_path / "end").touch()
    outcome = await running.task
    await runner.stop()

    assert outcome.problem is None


async def test_what_a_fitted_childs_process_died_of_is_told_where_no_time_is_left_for_another(tmp_path: Path) -> None:
    runner = ChildRunner(ODD, least_grace=0.0)
    kind = "killed once it is fitted, then never ends"

    outcome = await runner.run(replace(odd(kind), output_directory=str(tmp_path), seconds_left=4.0), lambda _: None)
    await runner.stop()

    assert outcome.problem is not None
    assert outcome.problem.title == "The training process died"
    assert "memory" in outcome.problem.recovery[-1]
