"""The supervisor: services are kept running, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from foretide.stack.supervisor import Change, Part, PartChange, Supervisor
from tests.processes import living, wait_until
from tests.waiting import until

_PYTHON = [sys.executable, "-I", "-S", "-c"]
_SERVICE = "import time; print('service speaks', flush=True); time.sleep(600)"
_DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SERVICE}"
_OWNER = """
import asyncio, os, sys
from pathlib import Path
from foretide.stack.supervisor import Part, Supervisor

async def main():
    service = Part("service", [sys.executable, {service!r}], dict(os.environ))
    async with Supervisor([service]):
        await asyncio.sleep(600)

asyncio.run(main())
"""
_HOLDS_ITS_LIFELINE = """
import os, pathlib, time
from shared.runtime.lifeline import hold_lifeline
hold_lifeline()
pathlib.Path({file!r} + ".new").write_text(str(os.getpid()))
os.rename({file!r} + ".new", {file!r})
time.sleep(600)
"""


def _part(script: str, name: str = "service") -> Part:
    return Part(name, [*_PYTHON, script], dict(os.environ))


def _speaks(log: Path) -> Callable[[], bool]:
    return lambda: log.exists() and "service speaks" in log.read_text()


async def test_parts_run_inside_the_context_and_not_after_it(tmp_path: Path) -> None:
    parts = [_part(_SERVICE, name) for name in ("upload", "dataset")]
    async with Supervisor(parts, log_directory=tmp_path) as supervisor:
        await until(_speaks(tmp_path / "upload.log"), what="upload runs")
        await until(_speaks(tmp_path / "dataset.log"), what="dataset runs")
        processes = dict(supervisor.process_ids)
        assert processes.keys() == {"upload", "dataset"}

    assert living(processes.values()) == []


async def test_a_part_that_dies_is_started_again_and_each_change_is_told(tmp_path: Path) -> None:
    changes: list[PartChange] = []
    async with Supervisor([_part(_SERVICE)], log_directory=tmp_path, on_change=changes.append) as supervisor:
        await until(_speaks(tmp_path / "service.log"), what="the service runs")
        first = supervisor.process_ids["service"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.process_ids.get("service", first) != first, what="it runs again")
        second = supervisor.process_ids["service"]

    assert changes == [
        PartChange("service", Change.STARTED, process_id=first),
        PartChange("service", Change.DIED, exit_code=-9, restart_in_seconds=0.2),
        PartChange("service", Change.STARTED, process_id=second),
        PartChange("service", Change.STOPPED, exit_code=-15),
    ]


async def test_a_part_that_cannot_be_started_is_tried_again_and_holds_up_nobody(tmp_path: Path) -> None:
    changes: list[PartChange] = []
    missing = Part("missing", [str(tmp_path / "no-such-program")], dict(os.environ))
    parts = [missing, _part(_SERVICE)]
    async with Supervisor(parts, log_directory=tmp_path, on_change=changes.append):
        await until(_speaks(tmp_path / "service.log"), what="the other one runs")
        deaths = [PartChange("missing", Change.DIED, restart_in_seconds=wait) for wait in (0.2, 0.4)]
        await until(lambda: [c for c in changes if c.part == "missing"][:2] == deaths, what="two tries")


async def test_a_part_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    changes: list[PartChange] = []
    supervisor = Supervisor([_part(_DEAF)], log_directory=tmp_path, grace_seconds=0.2, on_change=changes.append)
    async with supervisor:
        await until(_speaks(tmp_path / "service.log"), what="the service runs")
        process = supervisor.process_ids["service"]

    assert living([process]) == []
    assert changes[-1] == PartChange("service", Change.STOPPED, exit_code=-9)


async def test_what_a_dead_part_left_behind_ends_before_it_is_started_again(
    tmp_path: Path, python_script: Callable[[str], list[str]]
) -> None:
    script = python_script(
        "import os, time, pathlib\n"
        "if os.fork() == 0:\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'left-{{os.getpid()}}').touch()\n"
        "time.sleep(600)\n"
    )
    changes: list[PartChange] = []
    part = Part("service", script, dict(os.environ))
    async with Supervisor([part], on_change=changes.append) as supervisor:
        await until(lambda: bool(list(tmp_path.glob("left-*"))), what="it has a child")
        left = int(next(tmp_path.glob("left-*")).name.removeprefix("left-"))
        os.kill(supervisor.process_ids["service"], signal.SIGKILL)
        await until(lambda: changes[-1].change is Change.DIED, what="it died")
        await until(lambda: not living([left]), what="its child has ended")


def test_services_end_with_a_killed_supervisor(tmp_path: Path, python_script: Callable[[str], list[str]]) -> None:
    runs = tmp_path / "runs"
    service = python_script(_HOLDS_ITS_LIFELINE.format(file=str(runs)))[1]
    owner = subprocess.Popen(python_script(_OWNER.format(service=service)))
    try:
        wait_until(runs.exists, "the service runs")
        process = int(runs.read_text())
    finally:
        owner.kill()
        owner.wait()

    wait_until(lambda: not living([process]), "the service has ended")
