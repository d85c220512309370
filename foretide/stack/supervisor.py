"""Runs the services as child processes: each dies with this process, each is started again when it dies alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from foretide.stack.backoff import Backoff
from foretide.stack.log_file import open_log
from shared.runtime.lifeline import Lifeline
from shared.telemetry.logs import logger

log = logger(__name__)

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running. ``environment`` is the whole of it: nothing else is inherited."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class Change(StrEnum):
    """What happened to a part."""

    STARTED = "started"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartChange:
    """One line of a part's life. ``exit_code`` is negative for a signal, ``None`` for what could not be started."""

    part: str
    change: Change
    process_id: int | None = None
    exit_code: int | None = None
    restart_in_seconds: float | None = None


def log_change(change: PartChange) -> None:
    """Tell of a change in the log."""
    if change.change is Change.DIED:
        log.warning(
            "part died",
            part=change.part,
            exit_code=change.exit_code,
            restart_in_seconds=change.restart_in_seconds,
        )
    else:
        log.info(f"part {change.change}", part=change.part, process_id=change.process_id)


class Supervisor:
    """An async context manager: inside it the parts run, after it they and what they started are gone.

    To be entered from the main thread: on Linux a child's life is tied to the thread that started it.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        log_directory: Path | None = None,
        grace_seconds: float = 20.0,
        on_change: Callable[[PartChange], None] = log_change,
    ) -> None:
        """Output goes to ``log_directory/NAME.log``, or without one to this process's own."""
        self._parts = parts
        self._log_directory = log_directory
        self._grace_seconds = grace_seconds
        self._on_change = on_change
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._lifeline: Lifeline | None = None

    async def __aenter__(self) -> Self:
        """Start all; being ready is the parts' own to tell."""
        self._lifeline = Lifeline()
        self._keepers = [asyncio.create_task(self._keep(part), name=f"keep {part.name}") for part in self._parts]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask all to end, kill what has not ended in time."""
        self._stopping.set()
        for process in self._processes.values():
            _send(process, signal.SIGTERM)
        late = (await asyncio.wait(self._keepers, timeout=self._grace_seconds))[1]
        if late:
            for process in self._processes.values():
                _send(process, signal.SIGKILL)
        try:
            await asyncio.gather(*self._keepers)
        finally:
            if self._lifeline is not None:
                self._lifeline.close()

    @property
    def process_ids(self) -> dict[str, int]:
        """The process of each part that runs now."""
        return {name: process.pid for name, process in self._processes.items() if process.poll() is None}

    async def _keep(self, part: Part) -> None:
        """One part's lives, one after the other, until all is to stop."""
        backoff = Backoff()
        while not self._stopping.is_set():
            began = time.monotonic()
            exit_code = await self._live(part)
            if self._stopping.is_set():
                self._on_change(PartChange(part.name, Change.STOPPED, exit_code=exit_code))
                return
            wait = backoff.after(time.monotonic() - began)
            self._on_change(PartChange(part.name, Change.DIED, exit_code=exit_code, restart_in_seconds=wait))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stopping.wait()

    async def _live(self, part: Part) -> int | None:
        """One life, from the start to its end and the end of what it left behind."""
        try:
            process = self._start(part)
        except OSError as error:
            log.error("part cannot be started", part=part.name, reason=str(error))
            return None
        self._processes[part.name] = process
        self._on_change(PartChange(part.name, Change.STARTED, process_id=process.pid))
        while process.poll() is None:
            await asyncio.sleep(_POLL_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.returncode

    def _start(self, part: Part) -> subprocess.Popen[bytes]:
        if self._lifeline is None:
            raise RuntimeError("the supervisor has not been entered")
        output = open_log(self._log_directory / f"{part.name}.log") if self._log_directory else None
        with output or contextlib.nullcontext():
            return subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**part.environment, **self._lifeline.variables},
                pass_fds=[self._lifeline.read_end],
                # Away from the terminal's Ctrl-C, which is this process's to answer.
                start_new_session=True,
            )


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the part alone, which knows how to end what it started; a kill is for all of them."""
    if process.poll() is None:
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
