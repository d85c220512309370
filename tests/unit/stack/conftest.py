"""Stand-ins for servers: small processes that do not want to end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from foretide.stack.child import Command
from tests.processes import living, wait_until

_STUBBORN = """
import os, pathlib, signal, sys, time

def sign(name):
    pathlib.Path(sys.argv[1], name + ".new").write_text(str(os.getpid()))
    os.rename(pathlib.Path(sys.argv[1], name + ".new"), pathlib.Path(sys.argv[1], name))

stop = getattr(signal, sys.argv[2])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()          # out of the group, and orphaned below: as daemons do
    if os.fork() == 0:
        sign("daemon")
        time.sleep(600)
    os._exit(0)
os.wait()
if stop is not signal.SIGKILL:
    signal.signal(stop, lambda *_: (sign("asked"), os._exit(7)))
sign("server")
while True:
    time.sleep(600)
"""


@dataclass
class FakeServer:
    """A process with an orphaned daemon below it; both ignore SIGTERM and SIGINT unless told otherwise."""

    folder: Path

    def command(self, ends_on: str = "SIGKILL") -> Command:
        """``ends_on`` is the signal that makes it end with code 7, leaving its daemon behind."""
        script: list[str | Path] = [sys.executable, "-I", "-S", "-c", _STUBBORN, self.folder, ends_on]
        return Command(script, dict(os.environ), self.folder)

    def wait_until_it_runs(self) -> list[int]:
        """The ids of both processes."""
        files = [self.folder / "server", self.folder / "daemon"]
        wait_until(lambda: all(file.exists() for file in files), "the fake server runs")
        return [int(file.read_text()) for file in files]

    @property
    def was_asked(self) -> bool:
        """Whether it got the signal it ends on."""
        return (self.folder / "asked").exists()


@pytest.fixture
def fake_server(tmp_path: Path) -> Iterator[FakeServer]:
    folder = tmp_path / "fake"
    folder.mkdir()
    server = FakeServer(folder)
    yield server
    for file in (folder / "server", folder / "daemon"):
        if file.exists():
            for process in living([int(file.read_text())]):
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def python_script(tmp_path: Path) -> Callable[[str], list[str]]:
    """Turns the text of a program into the command that runs it, with the project on its path."""

    def command(text: str) -> list[str]:
        file = tmp_path / f"script{len(list(tmp_path.glob('script*')))}.py"
        file.write_text(f"import sys\nsys.path.insert(0, {os.getcwd()!r})\n{text}")
        return [sys.executable, str(file)]

    return command
