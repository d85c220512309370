"""One owner per data directory; its servers count as the owner until they have gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from foretide.stack.child import Command, LeashedChild
from foretide.stack.directory_lock import DirectoryLock
from shared.problems import Category, ProblemError
from tests.processes import wait_until

_HOLDER = """
import asyncio, os, signal, time
from pathlib import Path
from foretide.stack.child import Command, LeashedChild
from foretide.stack.directory_lock import DirectoryLock
lock = DirectoryLock(Path({folder!r}))
asyncio.run(lock.acquire())
child = LeashedChild(Path({folder!r}, "log"), stop_signal=signal.SIGTERM, grace_seconds=5, lock=lock.descriptor)
child.start(Command(["/bin/sh", "-c", "trap '' TERM; touch serves; while [ ! -e leave ]; do sleep 0.05; done"],
    dict(os.environ), Path({folder!r})))
while not Path({folder!r}, "serves").exists():
    time.sleep(0.01)
Path({folder!r}, "ready").touch()
time.sleep(600)
"""


async def test_a_second_owner_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path)
    await first.acquire()

    with pytest.raises(ProblemError) as refused:
        await DirectoryLock(tmp_path).acquire()

    assert refused.value.problem.category is Category.CONFLICT
    assert f"process {os.getpid()}" in refused.value.problem.detail
    first.release()


async def test_it_can_be_taken_again_once_released(tmp_path: Path) -> None:
    for _ in range(2):
        lock = DirectoryLock(tmp_path)
        await lock.acquire()
        lock.release()


async def test_the_signature_of_one_who_has_gone_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f'{{"process": {os.getpid()}, "started": 1.0}}')
    lock = DirectoryLock(tmp_path)

    await lock.acquire()

    lock.release()


async def test_the_servers_of_a_killed_owner_are_waited_for(
    tmp_path: Path, python_script: Callable[[str], list[str]]
) -> None:
    owner = subprocess.Popen(python_script(_HOLDER.format(folder=str(tmp_path))))
    try:
        wait_until((tmp_path / "ready").exists, "the owner and its server run")
        with pytest.raises(ProblemError, match=f"process {owner.pid}"):
            await DirectoryLock(tmp_path).acquire()
    finally:
        owner.kill()
        owner.wait()
    lock = DirectoryLock(tmp_path)

    waiting = asyncio.create_task(lock.acquire())
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done, "it was taken while a server of the killed owner still ran"
    (tmp_path / "leave").touch()
    await waiting

    lock.release()


async def test_a_child_without_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    child = LeashedChild(tmp_path / "log", stop_signal=signal.SIGTERM, grace_seconds=1.0)
    lock = DirectoryLock(tmp_path)
    await lock.acquire()
    child.start(Command(["/bin/sleep", "600"], dict(os.environ), tmp_path))
    lock.release()

    await lock.acquire()

    lock.release()
    await child.stop()
