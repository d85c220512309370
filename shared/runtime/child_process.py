"""The parent's handle on one copy (:mod:`shared.runtime.copies`)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson

from shared.runtime.copies import kill_group
from shared.runtime.output_end import OutputEnd

_LINE_LIMIT = 64 * 1024 * 1024
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Died(Exception):
    """A child ended, with this exit code (minus a signal's number), before it was ready; None: nobody knows how."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class ChildProcess:
    """One process for one job: its connection, its output and its ending are three sockets of ours."""

    def __init__(self, connection: Stream, output: Stream, ending: Stream) -> None:
        self._connection, self._output, self._ending = connection, output, ending
        self._output_end = OutputEnd(output[0])
        self._process: int | None = None

    @classmethod
    async def on(cls, *sockets: socket.socket) -> ChildProcess:
        """Of a process that is still to come."""
        streams: list[Stream] = []
        try:
            for one in sockets:
                streams.append(await asyncio.open_connection(sock=one, limit=_LINE_LIMIT))
        except BaseException:
            for _, writer in streams:
                writer.close()
            raise
        return cls(*streams)

    async def ready(self) -> bool:
        """Wait until it can be given its job; False when nobody has copied it. Raises :class:`Died`."""
        if (message := await self.read()) is not None:
            self._process = message["process"]
            return True
        if (code := await self.exit_code()) is not None:
            raise Died(code)
        return False

    def give(self, specification: dict[str, Any]) -> None:
        """Give it its job. What it says of it follows, also where it has ended by now."""
        self._connection[1].write(orjson.dumps(specification) + b"\n")

    async def read(self) -> dict[str, Any] | None:
        """What it says next; None when it has ended."""
        try:
            line = await self._connection[0].readline()
        except ConnectionError:
            # It was killed before it had read all that it was sent.
            return None
        # Half a line is the last that a killed one could say.
        message: dict[str, Any] | None = orjson.loads(line) if line.endswith(b"\n") else None
        return message

    async def exit_code(self) -> int | None:
        """Once it has ended, with whatever it had started; None where nobody is left who knows."""
        code = await self._ending[0].read()
        # Unless that was done already, by whoever copied it.
        self._kill()
        self._process = None
        return int(code) if code else None

    async def output(self) -> str:
        """The end of what it has written, once it has ended: for the log alone."""
        return await self._output_end.read()

    async def end(self) -> None:
        """Kill it if it runs still, with whatever it has started; one that is still to come ends by itself."""
        self._connection[1].close()
        if self._process is not None:
            self._kill()
            await self.exit_code()
        for _, writer in (self._output, self._ending):
            writer.close()
        await self._output_end.read()

    def _kill(self) -> None:
        if self._process is not None:
            kill_group(self._process)
