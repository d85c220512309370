"""A request's body that may end before its time, as it does on bad connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

SILENCE_SECONDS = 60.0


class Body:
    """The bytes that arrive, for one reader; ``broken_off`` says afterwards that the client stopped in the middle.

    A client that sends nothing for so long has gone, too: a connection that died in silence is never closed.
    """

    def __init__(self, stream: AsyncIterator[bytes], *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.broken_off = False
        self._stream = stream
        self._silence_seconds = silence_seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Every block that came."""
        while True:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    block = await anext(self._stream)
            except StopAsyncIteration:
                return
            except (ClientDisconnect, TimeoutError):
                self.broken_off = True
                return
            yield block
