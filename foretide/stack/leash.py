"""Runs one server as its child and makes sure that nothing of it outlives the owner.

The owner holds the write end of a pipe, this program's standard input is the read end. When the pipe closes
(the owner ended, in whatever way) or SIGTERM/SIGINT arrives, the child gets its stop signal, then time, then
SIGKILL together with everything that it started. On Linux orphaned grandchildren come back to this program
(``PR_SET_CHILD_SUBREAPER``), and should it be killed itself, the child dies with it (``PR_SET_PDEATHSIG``).

Standard library only, and run by its path as ``python -I -S leash.py``: it has to start in milliseconds.
Exits with the child's code, or 128 + the number of the signal that ended it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"


class Leash:
    """One child, from its start to the end of the last process that it left behind."""

    def __init__(self, stop_signal: signal.Signals, grace_seconds: float) -> None:
        self._stop_signal = stop_signal
        self._grace_seconds = grace_seconds
        self._child = 0
        self._status: int | None = None
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        self._stop_requested = False
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self, command: Sequence[str], user: int | None, group: int | None) -> int:
        """Start ``command`` and return its exit code once nothing of it is left."""
        before_exec = _linux_ties() if _IS_LINUX else None
        # Kept, for an object that is thrown away waits for its process: its end would be missed here.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            # What the owner passed on (the data directory's lock) is the server's to hold as well.
            close_fds=False,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            preexec_fn=before_exec,
        )
        self._child = process.pid
        self._watch()
        if self._status is None:
            self._stop()
        self._kill_what_is_left()
        return os.waitstatus_to_exitcode(self._status or 0)

    def _request_stop(self, *_: object) -> None:
        self._stop_requested = True

    def _watch(self) -> None:
        """Return when the child has ended, the owner has gone or a signal asks to stop."""
        while not self._ended() and not self._stop_requested:
            readable, _, _ = select.select([sys.stdin.fileno(), self._woken], [], [])
            if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 4096):
                return
            self._forget_wake_ups()

    def _stop(self) -> None:
        _say(f"sending {self._stop_signal.name} to process {self._child}")
        _send(self._child, self._stop_signal)
        deadline = time.monotonic() + self._grace_seconds
        while not self._ended():
            left = deadline - time.monotonic()
            if left <= 0:
                _say(f"process {self._child} still runs after {self._grace_seconds:g} s: killing it")
                return
            select.select([self._woken], [], [], left)
            self._forget_wake_ups()

    def _ended(self) -> bool:
        """Reap whatever has ended; true once the child itself is among it."""
        with contextlib.suppress(ChildProcessError):
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                self._note(*reaped)
        return self._status is not None

    def _note(self, process: int, status: int) -> None:
        if process == self._child:
            self._status = status

    def _kill_what_is_left(self) -> None:
        if not _IS_LINUX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                for process in _descendants(os.getpid()) if _IS_LINUX else ():
                    _send(process, signal.SIGKILL)
                self._note(*os.waitpid(-1, 0))

    def _forget_wake_ups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass


def _linux_ties() -> Callable[[], None]:
    """Adopt orphaned grandchildren; return what ties the child's life to this one, between fork and exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    leash = os.getpid()
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphaned grandchildren")

    def die_with_the_leash() -> None:
        # After the change of user: that would clear it.
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != leash:
            os._exit(1)

    return die_with_the_leash


def _descendants(ancestor: int) -> list[int]:
    """Every process below ``ancestor``, parents first (Linux)."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # "pid (name, which may hold anything) state parent ...", proc(5)
                parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    line = [ancestor]
    for process in line:
        line.extend(children.get(process, []))
    return line[1:]


def _send(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _say(what: str) -> None:
    print(f"leash: {what}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: ``leash.py --stop-signal INT --grace 10 [--user U --group G] -- COMMAND...``"""
    parser = argparse.ArgumentParser(description="Run one server that ends with its owner.")
    parser.add_argument("--stop-signal", default="TERM", help="name without SIG (default TERM)")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds before SIGKILL (default 10)")
    parser.add_argument("--user", type=int, help="numeric id to run the server as (root only)")
    parser.add_argument("--group", type=int, help="numeric group id to run the server as (root only)")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    leash = Leash(signal.Signals[f"SIG{options.stop_signal}"], options.grace)
    code = leash.run(options.command, options.user, options.group)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
