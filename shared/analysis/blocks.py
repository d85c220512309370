"""A large file in pieces that each hold whole records, so that no more than one of them is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.analysis.content import MAX_LINE_BYTES

_PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of a UTF-8 file; ``start`` is the position of the first byte in it."""

    start: int
    data: bytes


def blocks_of(path: Path, start: int, *, quoted: bool) -> Iterator[Block]:
    """The file's records from byte ``start`` on. A record that is longer than any ends a block within it."""
    size = _PIECE_BYTES
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(size):
            end = len(piece) if len(piece) < size else _end_of_records(piece, quoted=quoted)
            if not end and size < MAX_LINE_BYTES:
                size *= 2
            else:
                block = Block(start, piece[: end or len(piece)])
                yield block
                start, size = start + len(block.data), _PIECE_BYTES
            # The rest of a piece is read again: cheaper than to keep it and to join it with what follows.
            file.seek(start)


def _end_of_records(data: bytes, *, quoted: bool) -> int:
    """Behind the last line feed that is outside of quotes, of which there is an even number before it."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end) if quoted else 0
    while end and quotes % 2:
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', earlier, end)
        end = earlier
    return end
