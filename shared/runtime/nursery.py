"""The parent's handle on a process that is copied for each job (:mod:`shared.runtime.copies`)."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence

from shared.runtime.child_process import ChildProcess, Died
from shared.runtime.copies import SOCKETS
from shared.runtime.output_end import OutputEnd
from shared.telemetry.logs import logger

log = logger(__name__)

_READY_SECONDS = 120.0


class Nursery:
    """Started when it is first needed, and again when it has died; ``program``: the interpreter's arguments."""

    def __init__(self, program: Sequence[str]) -> None:
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._channel: socket.socket | None = None
        self._output: OutputEnd | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> bool:
        """See that it runs; True where it was started now. It imports on, and asking for a child waits for that."""
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return False
            await self.stop()
            self._channel, theirs = socket.socketpair()
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *self._program,
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                )
            assert self._process.stdout is not None
            self._output = OutputEnd(self._process.stdout)
            return True

    async def stop(self) -> None:
        """End it; children that run are not ended."""
        if self._process is None or self._channel is None or self._output is None:
            return
        self._channel.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None
        await self._output.read()

    async def child(self) -> ChildProcess:
        """A child that is ready for its job. Raises :class:`Died` where none can be had."""
        while True:
            is_new = await self.start()
            child = await self._ask()
            if child is not None:
                return child
            # One that had died before it was asked, in whatever way, is no reason against a new one.
            died = await self._died()
            if is_new:
                raise died

    async def _ask(self) -> ChildProcess | None:
        """None where the nursery died over it."""
        assert self._channel is not None
        pairs = [socket.socketpair() for _ in range(SOCKETS)]
        child = await ChildProcess.on(*(ours for ours, _ in pairs))
        try:
            try:
                socket.send_fds(self._channel, [b"."], [theirs.fileno() for _, theirs in pairs])
            except OSError as error:
                log.warning("a nursery does not hear", program=self._program, error=str(error))
                await child.end()
                return None
            finally:
                for _, theirs in pairs:
                    theirs.close()
            async with asyncio.timeout(_READY_SECONDS):
                if await child.ready():
                    return child
        except BaseException:
            await child.end()
            raise
        await child.end()
        return None

    async def _died(self) -> Died:
        assert self._process is not None
        assert self._output is not None
        code = await self._process.wait()
        log.error("a nursery died", program=self._program, returncode=code, output=await self._output.read())
        return Died(code)
