"""The end of what a process has written: for the log, when it dies."""

from __future__ import annotations

import asyncio

_BYTES_KEPT = 4000


class OutputEnd:
    """Reads ``stream`` in the background, however much comes."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._reading = asyncio.create_task(_end_of(stream))

    async def read(self) -> str:
        """Once the stream has ended."""
        return (await self._reading).decode(errors="replace")


async def _end_of(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while block := await stream.read(65536):
        kept = (kept + block)[-_BYTES_KEPT:]
    return kept
