"""A request's body on its way through: block by block, counted, and given up when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter
from starlette.types import Receive, Scope

from foretide.gateway.problems import too_large
from shared.problems import ProblemError


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Incoming:
    """The client's side of a request. ``failure`` is why the body could not be read to its end, if so."""

    def __init__(self, scope: Scope, receive: Receive, largest: int) -> None:
        """Raises a 413 problem when the declared length is above ``largest`` bytes."""
        headers = dict(scope["headers"])
        declared = int(headers.get(b"content-length", b"0"))
        if declared > largest:
            raise too_large(largest)
        self.has_body = declared > 0 or b"transfer-encoding" in headers
        self.failure: ProblemError | ClientGone | None = None
        self._receive = receive
        self._largest = largest
        self._ended = asyncio.Event()
        if not self.has_body:
            self._ended.set()

    async def blocks(self) -> AsyncIterator[bytes]:
        """The body, read no faster than it is taken. Raises what ``failure`` then holds."""
        count = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.failure = ClientGone()
                raise self.failure
            block = message.get("body", b"")
            count += len(block)
            if count > self._largest:
                self.failure = too_large(self._largest)
                raise self.failure
            if block:
                yield block
            if not message.get("more_body", False):
                self._ended.set()
                return

    async def client_gone(self) -> None:
        """Returns when the client has left; before the body's end, reading the body finds that out."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class OutgoingBody(Payload):
    """The same body for the client library, which must know that it can be read only once."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__(incoming, content_type="application/octet-stream")
        self._incoming = incoming

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """A stream is not held in memory. Raises ``TypeError``."""
        raise TypeError("a streamed body cannot be read twice")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it, as fast as the service takes it."""
        self._consumed = True
        async for block in self._incoming.blocks():
            await writer.write(block)
