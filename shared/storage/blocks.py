"""Streams of bytes cut into blocks of one size, counted and hashed on the way, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable

from shared.storage.errors import ChecksumMismatch


async def blocks(stream: AsyncIterable[bytes] | bytes, size: int) -> AsyncGenerator[bytes, None]:
    """The stream's bytes in blocks of exactly ``size``, the last one shorter; none for an empty stream.

    Holds at most one block besides the chunk that the stream just gave.
    """
    if isinstance(stream, bytes):
        for position in range(0, len(stream), size):
            yield stream[position : position + size]
        return
    waiting = bytearray()
    async for chunk in stream:
        taken = 0
        while len(waiting) + len(chunk) - taken >= size:
            end = taken + size - len(waiting)
            waiting += chunk[taken:end]
            taken = end
            block = bytes(waiting)
            waiting.clear()
            yield block
        waiting += chunk[taken:]
    if waiting:
        yield bytes(waiting)


class Tally:
    """Size in bytes and SHA-256 of what went by."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def add(self, block: bytes) -> None:
        """Count and hash one block."""
        self.size += len(block)
        self._hash.update(block)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of all blocks so far."""
        return self._hash.hexdigest()

    def verify(self, bucket: str, key: str, size: int, sha256: str | None) -> None:
        """Raises :class:`ChecksumMismatch` unless ``size`` bytes went by, of that SHA-256 if given."""
        if self.size != size:
            raise ChecksumMismatch(bucket, key, expected=f"{size} bytes", found=f"{self.size} bytes")
        if sha256 is not None and self.sha256 != sha256:
            raise ChecksumMismatch(bucket, key, expected=sha256, found=self.sha256)
