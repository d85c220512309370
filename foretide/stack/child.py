"""The owner's end of a leash: start one server, see whether it lives, end it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from foretide.stack import leash
from foretide.stack.accounts import Account
from foretide.stack.log_file import open_log

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``environment`` is the whole of it: nothing else is inherited."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str]
    directory: Path
    account: Account | None = None
    """Whom to run it as; ``None`` for the user who asks."""


class LeashedChild:
    """One server process that cannot outlive this process, its output in ``log``."""

    def __init__(
        self, log: Path, *, stop_signal: signal.Signals, grace_seconds: float, lock: int | None = None
    ) -> None:
        """``lock`` is an open file that the server and its leash keep open for as long as they live."""
        self.log = log
        self._stop_signal = stop_signal
        self._grace_seconds = grace_seconds
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def alive(self) -> bool:
        """False only once nothing of the server is left, so that it can be started anew at once."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended (128 + number for a signal); ``None`` while it runs or before."""
        return None if self._process is None else self._process.poll()

    @property
    def process_ids(self) -> list[int]:
        """The server's processes, its main one first; empty when it does not run."""
        if self._process is None or not self.alive:
            return []
        try:
            return [process.pid for process in psutil.Process(self._process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def start(self, command: Command) -> None:
        """Start it; returns at once. Raises ``OSError`` when this machine cannot start any process."""
        self.log.parent.mkdir(exist_ok=True)
        with open_log(self.log) as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, *self._leash_options(command.account), "--"]
                + [str(argument) for argument in command.arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=command.directory,
                env=dict(command.environment),
                pass_fds=() if self._lock is None else (self._lock,),
                start_new_session=True,
            )

    async def stop(self) -> None:
        """End it and wait until nothing of it is left."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            async with asyncio.timeout(self._grace_seconds + 5.0):
                await self.ended()
        except TimeoutError:
            # The leash itself hangs; on Linux the kernel takes the server along.
            self._process.kill()
            await self.ended()

    async def ended(self) -> None:
        """Return once it has ended."""
        while self.alive:
            await asyncio.sleep(_POLL_SECONDS)

    def log_of_this_run(self, most_bytes: int = 8000) -> str:
        """The end of what it has written since the last start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as lines:
            lines.seek(max(self._log_start, self.log.stat().st_size - most_bytes))
            return lines.read().decode(errors="replace")

    def _leash_options(self, account: Account | None) -> list[str]:
        stop_signal = self._stop_signal.name.removeprefix("SIG")
        options = [f"--stop-signal={stop_signal}", f"--grace={self._grace_seconds:g}"]
        if account is not None and not account.is_me:
            options += [f"--user={account.user_id}", f"--group={account.group_id}"]
        return options
