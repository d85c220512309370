"""The runner: one child per job; whatever happens to it, the worker lives and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.trainer.children import Specification
from services.trainer.runner import CHILD, PRELOADED, ChildRunner
from shared.problems import Category
from tests.processes import living, wait_until
from tests.waiting import until

ODD = ("-m", "tests.unit.trainer.odd_child")
MANIFEST = Path(__file__).parent / "odd_manifest.json"
STOP_SECONDS = 5.0
_WORKER = """
import asyncio, json, sys
from services.trainer.children import Specification
from services.trainer.runner import ChildRunner

def tell(progress):
    print(json.dumps(progress["processes"]), flush=True)

async def work():
    runner = ChildRunner(["-m", "tests.unit.trainer.odd_child"])
    specification = Specification("job", "", "", "", {"kind": "Dense"}, "never ends", 1, search={"helpers": 0})
    await runner.run(specification, tell)

asyncio.run(work())
"""
MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]


def odd(kind: str, helpers: int = 0) -> Specification:
    """A job whose target says what its child does."""
    model = {"kind": "Dense", "units": 1024, "batch_size": 512}
    return Specification("job", "", str(MANIFEST), "", model, kind, 1, search={"helpers": helpers})


_EARLIER: set[int] = set()


@pytest.fixture(autouse=True)
def only_own_children() -> None:
    """What other tests in this process have started is not counted."""
    _EARLIER.update(process.pid for process in psutil.Process().children(recursive=True))


def _children() -> list[int]:
    return [process.pid for process in psutil.Process().children(recursive=True) if process.pid not in _EARLIER]


@pytest.fixture
async def runner() -> AsyncIterator[ChildRunner]:
    """Of odd children."""
    runner = ChildRunner(ODD)
    yield runner
    await runner.stop()


class Watched:
    """A run under way, with the processes that its child told of."""

    def __init__(self, runner: ChildRunner, specification: Specification) -> None:
        self.told: list[dict[str, Any]] = []
        self.task = asyncio.create_task(runner.run(specification, self.told.append))

    async def begun(self) -> list[int]:
        await until(lambda: bool(self.told) or self.task.done(), what="the job has begun", seconds=60)
        processes: list[int] = self.told[0].get("processes", [])
        return processes

    async def cancel(self) -> float:
        """Seconds until it had ended."""
        began = time.monotonic()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        return time.monotonic() - began


async def test_a_real_job_is_trained_in_a_warm_child_and_the_next_one_is_cancelled_within_five_seconds(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    model = {"kind": "Dense", "layers": 1, "units": 4, "epochs": 2, "batch_size": 512}
    runner = ChildRunner(PRELOADED)
    await runner.start()
    told: list[dict[str, Any]] = []

    outcome = await runner.run(Specification(**job(load_dataset, tmp_path / "first", model, "load")), told.append)

    assert outcome.problem is None
    assert outcome.metrics["unit"] == "kW"
    assert outcome.summary["epochs_completed"] == 2
    assert [entry.get("phase", entry["type"]) for entry in told] == [
        "training",
        "training",
        "fitted",
        "training",
        "evaluation",
        "evaluation",
        "saving",
    ]
    assert (tmp_path / "first" / "model.keras").stat().st_size > 0

    endless = {**model, "epochs": 2000, "patience": 1000}
    running = Watched(runner, Specification(**job(load_dataset, tmp_path / "second", endless, "load")))
    await running.begun()
    [nursery] = [child for child in psutil.Process().children() if child.pid not in _EARLIER]
    assert nursery.num_threads() == 1, "other threads' locks would be held for ever in what is copied from it"
    assert await running.cancel() < STOP_SECONDS
    await runner.stop()
    await until(lambda: not living(_children()), what="no child is left")
    assert list((tmp_path / "second").iterdir()) == []


async def test_a_child_killed_by_a_signal_is_exhaustion_with_advice_and_the_worker_goes_on(
    runner: ChildRunner,
) -> None:
    outcome = await runner.run(odd("killed"), lambda _: None)

    assert outcome.problem is not None
    assert outcome.problem.category is Category.RESOURCE_EXHAUSTION
    assert "signal 9" in outcome.problem.detail
    assert "Lower units from 1024 to 256." in outcome.problem.recovery
    assert (await runner.run(odd("talks"), lambda _: None)).problem is None


async def test_a_killed_child_is_followed_by_others_while_they_get_further(runner: ChildRunner, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    specification = replace(odd("killed after each of four epochs"), checkpoint_path=str(tmp_path / "epochs"))

    outcome = await runner.run(specification, told.append)

    assert outcome.problem is None
    assert [message["epoch"] for message in told if message["type"] == "checkpoint"] == [1, 2, 3, 4]


async def test_children_that_are_killed_one_after_the_other_without_an_epoch_end_the_job(runner: ChildRunner) -> None:
    told: list[dict[str, Any]] = []

    outcome = await runner.run(odd("killed"), told.append)

    assert outcome.problem is not None
    assert len({message["processes"][0] for message in told}) == 3


async def test_memory_that_runs_out_inside_is_exhaustion_with_advice(runner: ChildRunner) -> None:
    outcome = await runner.run(odd("out of memory"), lambda _: None)

    assert outcome.problem is not None
    assert outcome.problem.category is Category.RESOURCE_EXHAUSTION
    assert "Lower units from 1024 to 256." in outcome.problem.recovery


async def test_a_fault_of_ours_is_not_blamed_on_memory_and_shows_nothing_of_the_inside(runner: ChildRunner) -> None:
    outcome = await runner.run(odd("breaks"), lambda _: None)

    assert outcome.problem is not None
    assert outcome.problem.category is Category.INTERNAL
    assert "secret" not in outcome.problem.model_dump_json()


async def test_what_libraries_print_does_not_spoil_the_protocol(runner: ChildRunner) -> None:
    outcome = await runner.run(odd("talks"), lambda _: None)

    assert outcome.problem is None
    assert outcome.metrics == {"rmse": None}


async def test_a_job_on_a_real_problem_fails_with_that_problem(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    runner = ChildRunner(CHILD)
    specification = Specification(**job(load_dataset, tmp_path, {"kind": "Linaer"}, "load"))

    outcome = await runner.run(specification, lambda _: None)
    await runner.stop()

    assert outcome.problem is not None
    assert outcome.problem.category is Category.DATA_VALIDATION
    assert "Linaer" in outcome.problem.detail


async def test_cancelling_ends_the_child_and_all_that_it_started(runner: ChildRunner) -> None:
    running = Watched(runner, odd("never ends", helpers=1))
    processes = await running.begun()
    assert len(living(processes)) == 2

    assert await running.cancel() < STOP_SECONDS

    await until(lambda: not living(processes), what="child and grandchild have ended", seconds=STOP_SECONDS)


async def test_what_a_killed_child_had_started_ends_too(runner: ChildRunner) -> None:
    running = Watched(runner, odd("killed", helpers=1))
    processes = await running.begun()

    outcome = await asyncio.wait_for(running.task, timeout=20)

    assert outcome.problem is not None
    await until(lambda: not living(processes), what="child and grandchild have ended")


async def test_f25_the_worker_lives_on_while_a_child_computes(runner: ChildRunner) -> None:
    running = Watched(runner, odd("never ends"))
    processes = await running.begun()

    for _ in range(1000):
        await asyncio.sleep(0)

    assert not running.task.done()
    assert living(processes) == processes
    await running.cancel()


async def test_every_job_has_a_process_of_its_own(runner: ChildRunner) -> None:
    first, second = Watched(runner, odd("never ends")), Watched(runner, odd("never ends"))

    processes = [*await first.begun(), *await second.begun()]

    assert len(set(processes)) == 2
    assert len(living(_children())) == 3, "two jobs, and what they are copies of"
    await asyncio.gather(first.cancel(), second.cancel())
    assert not living(processes)
    await runner.stop()
    assert not living(_children())


async def test_what_is_copied_for_jobs_is_replaced_when_it_was_killed(runner: ChildRunner) -> None:
    await runner.start()
    [nursery] = _children()
    psutil.Process(nursery).kill()
    wait_until(lambda: not living([nursery]), "it is dead, and its owner has not looked yet")

    outcome = await runner.run(odd("talks"), lambda _: None)

    assert outcome.problem is None


async def test_a_job_goes_on_when_what_it_was_copied_from_is_killed(runner: ChildRunner, tmp_path: Path) -> None:
    running = Watched(runner, replace(odd("evaluates until asked to end"), output_directory=str(tmp_path)))
    processes = await running.begun()
    [nursery] = set(_children()) - set(processes)
    psutil.Process(nursery).kill()
    (tmp_path / "end").touch()

    assert (await running.task).problem is None
    assert (await runner.run(odd("talks"), lambda _: None)).problem is None


async def test_a_job_killed_with_all_that_could_tell_how_is_begun_again(runner: ChildRunner, tmp_path: Path) -> None:
    running = Watched(runner, replace(odd("evaluates until asked to end"), output_directory=str(tmp_path)))
    processes = await running.begun()
    for process in _children():
        psutil.Process(process).kill()
    (tmp_path / "end").touch()

    assert (await running.task).problem is None
    assert len({message["processes"][0] for message in running.told if "processes" in message} - set(processes)) == 1


async def test_a_job_is_cancelled_at_once_while_everything_is_still_imported() -> None:
    runner = ChildRunner(["-c", "import time; time.sleep(600)"])
    running = asyncio.create_task(runner.run(odd("talks"), lambda _: None))
    await until(lambda: len(_children()) == 1, what="it is imported")
    began = time.monotonic()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert time.monotonic() - began < STOP_SECONDS
    await runner.stop()
    assert not living(_children())


async def test_a_program_that_cannot_start_is_a_problem(tmp_path: Path) -> None:
    runner = ChildRunner(["-c", "raise SystemExit('no such module')"])

    outcome = await runner.run(odd("talks"), lambda _: None)

    assert outcome.problem is not None
    assert outcome.problem.category is Category.INTERNAL
    assert not living(_children())


def test_children_end_when_their_worker_is_killed() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    try:
        assert worker.stdout is not None
        busy: list[int] = json.loads(worker.stdout.readline())
        owner = psutil.Process(worker.pid)
        processes = [process.pid for process in owner.children(recursive=True)]
        assert len(processes) == 2, "the job, and what it is a copy of"
        assert set(busy) < set(living(processes))

        worker.kill()

        wait_until(lambda: not living(processes), "both have ended with the worker")
    finally:
        worker.kill()
        worker.wait()
