"""The worker's handle on the process that is copied for each job: training children start in milliseconds."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence

from services.trainer.child.copies import SOCKETS
from services.trainer.children import Child, Died, died_of
from services.trainer.output_end import OutputEnd
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
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"},
                )
            assert self._process.stderr is not None
            self._output = OutputEnd(self._process.stderr)
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

    async def child(self) -> Child:
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

    async def _ask(self) -> Child | None:
        """None where the nursery died over it."""
        assert self._channel is not None
        pairs = [socket.socketpair() for _ in range(SOCKETS)]
        child = await Child.on(*(ours for ours, _ in pairs))
        try:
            try:
                socket.send_fds(self._channel, [b"."], [theirs.fileno() for _, theirs in pairs])
            except OSError as error:
                log.warning("the trainer's nursery does not hear", error=str(error))
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
        log.error("the trainer's nursery died", returncode=code, output=await self._output.read())
        return Died(died_of(code))
