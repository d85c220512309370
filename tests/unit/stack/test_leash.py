"""The leash: whatever happens to the owner, to the leash or to the server, nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from foretide.stack import leash
from foretide.stack.child import Command, LeashedChild
from tests.processes import living, wait_until
from tests.unit.stack.conftest import FakeServer

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to the leash")

_OWNER = """
import os, signal, time
from pathlib import Path
from foretide.stack import leash
from foretide.stack.child import Command, LeashedChild
child = LeashedChild(Path({log!r}), stop_signal=signal.SIGTERM, grace_seconds=0.3)
child.start(Command({arguments!r}, dict(os.environ), Path({folder!r})))
time.sleep(600)
"""


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[LeashedChild]:
    child = LeashedChild(tmp_path / "server.log", stop_signal=signal.SIGINT, grace_seconds=0.3)
    yield child
    await child.stop()


@linux_only
def test_nothing_is_left_when_the_owner_is_killed(
    tmp_path: Path, fake_server: FakeServer, python_script: Callable[[str], list[str]]
) -> None:
    arguments = [str(argument) for argument in fake_server.command().arguments]
    script = _OWNER.format(log=str(tmp_path / "log"), arguments=arguments, folder=str(tmp_path))
    owner = subprocess.Popen(python_script(script))
    try:
        processes = fake_server.wait_until_it_runs()
        leash = psutil.Process(processes[0]).ppid()
        assert leash not in (owner.pid, 1)
    finally:
        owner.kill()
        owner.wait()

    wait_until(lambda: not living([leash, *processes]), "leash, server and its daemon have ended")
    assert "still runs after 0.3 s: killing it" in (tmp_path / "log").read_text()


@linux_only
async def test_the_server_dies_with_a_killed_leash(child: LeashedChild, fake_server: FakeServer) -> None:
    child.start(fake_server.command())
    server, _ = fake_server.wait_until_it_runs()

    os.kill(psutil.Process(server).ppid(), signal.SIGKILL)

    wait_until(lambda: not living([server]), "the server has ended")


async def test_stop_sends_the_servers_own_signal(child: LeashedChild, fake_server: FakeServer) -> None:
    child.start(fake_server.command(ends_on="SIGINT"))
    fake_server.wait_until_it_runs()

    await child.stop()

    assert fake_server.was_asked
    assert child.exit_code == 7


@linux_only
async def test_what_a_server_leaves_behind_is_gone_when_stop_returns(
    child: LeashedChild, fake_server: FakeServer
) -> None:
    child.start(fake_server.command(ends_on="SIGINT"))
    processes = fake_server.wait_until_it_runs()
    assert child.process_ids == processes

    await child.stop()

    assert living(processes) == []
    assert child.process_ids == []


@linux_only
async def test_a_server_that_was_killed_counts_as_dead_only_when_its_daemon_has_gone_too(
    child: LeashedChild, fake_server: FakeServer
) -> None:
    child.start(fake_server.command())
    server, daemon = fake_server.wait_until_it_runs()

    os.kill(server, signal.SIGKILL)
    await child.ended()

    assert living([daemon]) == []
    assert child.exit_code == 128 + signal.SIGKILL


async def test_a_child_can_be_started_again(child: LeashedChild, fake_server: FakeServer) -> None:
    for _ in range(2):
        child.start(fake_server.command(ends_on="SIGINT"))
        fake_server.wait_until_it_runs()
        assert child.alive
        await child.stop()
        assert not child.alive
        (fake_server.folder / "server").unlink()


async def test_other_processes_are_not_touched(child: LeashedChild, fake_server: FakeServer) -> None:
    bystander = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    try:
        child.start(fake_server.command())
        fake_server.wait_until_it_runs()
        await child.stop()

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


async def test_a_program_that_does_not_exist_is_told_in_the_log(child: LeashedChild, tmp_path: Path) -> None:
    child.start(Command([tmp_path / "no-such-program"], dict(os.environ), tmp_path))
    await child.ended()

    assert child.exit_code == 1
    assert "no-such-program" in child.log_of_this_run()


async def test_the_log_of_a_run_begins_with_that_run(child: LeashedChild, tmp_path: Path) -> None:
    for word in ("first", "second"):
        child.start(Command(["/bin/echo", word], dict(os.environ), tmp_path))
        await child.ended()

    assert child.log_of_this_run() == "second\n"
    assert child.log.read_text() == "first\nsecond\n"


def test_the_end_of_a_server_that_ends_at_once_is_never_missed() -> None:
    """A finished child that is waited for anywhere else leaves the leash waiting for ever."""
    command = [sys.executable, "-I", "-S", leash.__file__, "--", "/bin/sh", "-c", "exit 9"]

    for _ in range(25):
        run = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert run.wait(timeout=10) == 9
