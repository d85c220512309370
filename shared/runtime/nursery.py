"""The parent's handle on a process that is copied for each job (:mod:`shared.runtime.copies`)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from shared.runtime.child_process import ChildProcess, Died
from shared.runtime.copies import SOCKETS
from shared.runtime.output_end import OutputEnd
from shared.telemetry.logs import logger

log = logger(__name__)

_READY_SECONDS = 120.0
_TRIES = 2
"""New ones that are killed, or do not answer, before somebody who asks is told so."""
_ASKED_AT_ONCE = 16
"""Requests that wait in the socket; if it were full, the parent would stand still until they are read."""


class Nursery:
    """Started when it is first needed, and again when it has died; ``program``: the interpreter's arguments."""

    def __init__(self, program: Sequence[str], *, ready_seconds: float = _READY_SECONDS) -> None:
        self._program = program
        self._ready_seconds = ready_seconds
        self._copied: _Copied | None = None
        self._starting = asyncio.Lock()
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def start(self) -> None:
        """See that it runs. It imports on, and asking for a child waits for that."""
        await self._started()

    async def stop(self) -> None:
        """End it; children that run are not ended."""
        async with self._starting:
            copied, self._copied = self._copied, None
            if copied is not None:
                copied.is_wanted = False
                await copied.end()

    async def child(self) -> ChildProcess:
        """A child that is ready for its job. Raises :class:`Died` where none can be had."""
        new = 0
        async with self._asking:
            while True:
                copied, is_new = await self._started()
                child = await copied.child(self._ready_seconds)
                if child is not None:
                    return child
                code = await copied.end()
                # One that had died before it was asked, in whatever way, is no reason against a new one.
                new += is_new
                if new == _TRIES or (is_new and code >= 0):
                    raise Died(code)

    async def _started(self) -> tuple[_Copied, bool]:
        """With True where it was started now."""
        async with self._starting:
            if self._copied is not None and self._copied.lives:
                return self._copied, False
            if self._copied is not None:
                await self._copied.end()
            self._copied = await _Copied.start(self._program)
            return self._copied, True


class _Copied:
    """One process that is copied, from its start to its end."""

    def __init__(self, program: Sequence[str], process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        assert process.stdout is not None
        self._program, self._process, self._channel = program, process, channel
        self.is_wanted = True
        self._watching = asyncio.create_task(self._watch(OutputEnd(process.stdout)))

    @classmethod
    async def start(cls, program: Sequence[str]) -> _Copied:
        channel, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(channel.close)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *program,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            undo.pop_all()
        return cls(program, process, channel)

    @property
    def lives(self) -> bool:
        return self._process.returncode is None and self._channel.fileno() >= 0

    async def end(self) -> int:
        """Kill it if it runs still; its exit code."""
        self._channel.close()
        if self._process.returncode is None:
            # Not by its own kill(), which takes the exit code of one that has just died from asyncio.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        # Not the task itself: whoever is cancelled here would take it from the others.
        await asyncio.wait([self._watching])
        return await self._process.wait()

    async def _watch(self, output: OutputEnd) -> None:
        """Say that it ended, and what it wrote of that, where it was wanted still."""
        written, code = await output.read(), await self._process.wait()
        if self.is_wanted:
            log.error("a nursery died", program=self._program, returncode=code, output=written)

    async def child(self, ready_seconds: float) -> ChildProcess | None:
        """None where it died over it, or does not answer."""
        with ExitStack() as ours, ExitStack() as theirs:
            pairs = [socket.socketpair() for _ in range(SOCKETS)]
            for own, other in pairs:
                ours.callback(own.close)
                theirs.callback(other.close)
            try:
                socket.send_fds(self._channel, [b"."], [other.fileno() for _, other in pairs])
            except OSError:
                return None
            theirs.close()
            child = await ChildProcess.on(*(own for own, _ in pairs))
            ours.pop_all()
        try:
            async with asyncio.timeout(ready_seconds):
                if await child.ready():
                    return child
        except TimeoutError:
            log.error("a nursery does not answer", seconds=ready_seconds)
        except BaseException:
            await child.end()
            raise
        await child.end()
        return None
