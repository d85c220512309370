"""A process that is copied for each job: whatever becomes of it, the next job gets its child."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import psutil
import pytest

from shared.runtime.child_process import Died
from shared.runtime.nursery import Nursery
from tests.processes import living, wait_until
from tests.waiting import until

TALKING = ("-m", "tests.unit.runtime.talking_child")
_BUSY_PARENT = """
import asyncio, json, time
from shared.runtime.nursery import Nursery

async def work():
    child = await Nursery(("-m", "tests.unit.runtime.talking_child")).child()
    child.give({"silent": True})
    print(json.dumps(child._process), flush=True)
    time.sleep(600)

asyncio.run(work())
"""


async def _ask(nursery: Nursery) -> int:
    child = await nursery.child()
    child.give({"silent": False})
    message = await child.read()
    await child.end()
    assert message is not None
    process: int = message["says"]
    return process


async def test_everybody_who_waits_gets_a_child_although_what_is_copied_is_killed() -> None:
    nursery, earlier = Nursery(TALKING), {process.pid for process in psutil.Process().children()}
    asked = [asyncio.create_task(_ask(nursery)) for _ in range(40)]
    await until(lambda: {p.pid for p in psutil.Process().children()} - earlier, what="it is started")
    for process in psutil.Process().children():
        if process.pid not in earlier:
            process.kill()

    answers = await asyncio.gather(*asked)
    await nursery.stop()

    assert len(set(answers)) == 40
    assert not living(answers)


async def test_why_it_could_not_be_started_is_in_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    nursery = Nursery(("-c", "raise SystemExit('a library is missing')"))

    with pytest.raises(Died) as raised:
        await nursery.child()

    assert raised.value.code == 1
    # As the logs are set up here, or as an application that was made in a test before has set them up.
    logged = capsys.readouterr().out + caplog.text
    assert "a nursery died" in logged
    assert "a library is missing" in logged


async def test_one_that_is_stopped_has_not_died(capsys: pytest.CaptureFixture[str]) -> None:
    nursery = Nursery(TALKING)
    await _ask(nursery)

    await nursery.stop()

    assert "a nursery died" not in capsys.readouterr().out


async def test_what_does_not_answer_is_ended_and_is_not_asked_again() -> None:
    nursery = Nursery(("-c", "import time; time.sleep(600)"), ready_seconds=0.5)
    earlier = {process.pid for process in psutil.Process().children()}

    with pytest.raises(Died):
        await nursery.child()

    left = [p.pid for p in psutil.Process().children() if p.pid not in earlier]
    assert not living(left)


def test_a_child_ends_with_a_parent_that_was_killed_before_it_had_read_everything() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _BUSY_PARENT], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    try:
        assert parent.stdout is not None
        child: int = json.loads(parent.stdout.readline())
        wait_until(
            lambda: psutil.Process(child).num_threads() > 1, "it has its job, and looks whether its parent is there"
        )

        parent.kill()

        wait_until(lambda: not living([child]), "it has ended with its parent")
    finally:
        parent.kill()
        parent.wait()
