"""A few hundred records from the beginning, the middle and the end of a file, to guess from.

Guesses are checked against the whole file afterwards; nothing is decided by the sample alone.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

_PIECE_BYTES = 64 * 1024
_HEAD_LINES = 20
_CELLS = 8_000

Record = list[str]


@dataclass(frozen=True)
class Sample:
    """Text of whole lines. ``pieces`` come from later parts of the file and are empty for a small one."""

    head: str
    pieces: tuple[str, ...]
    quoted: bool

    def records(self, delimiter: str) -> list[Record]:
        """The sample split into cells, blank records left out; empty when this delimiter makes no sense of it."""
        try:
            head, *rest = [
                [record for record in self._split(text, delimiter) if not is_blank(record)]
                for text in (self.head, *self.pieces)
            ]
        except csv.Error:
            return []
        kept = max(10, _CELLS // max((len(record) for record in head), default=1))
        return head[:kept] + [record for records in rest for record in records[: kept // 4]]

    def records_before_data(self, delimiter: str, *, header: bool) -> int:
        """Records to skip: blank ones that lead the file, and the header."""
        for position, record in enumerate(self._split(self.head, delimiter)):
            if not is_blank(record):
                return position + header
        return 0

    def line_too_long(self) -> int | None:
        """The first line that no reader takes for cells, counted from 1."""
        lines = enumerate(self.head.split("\n"), start=1)
        return next((number for number, line in lines if len(line) > csv.field_size_limit()), None)

    def _split(self, text: str, delimiter: str) -> list[Record]:
        lines = io.StringIO(text, newline="")
        return list(
            csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE)
        )


def is_blank(record: Record) -> bool:
    """Whether there is nothing in any cell."""
    return not any(cell.strip() for cell in record)


def take_sample(path: Path, *, quoted: bool) -> Sample:
    """Read the sample of a UTF-8 file. With quotes only its beginning, as a cell may hold line breaks."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_PIECE_BYTES)
        while head.count(b"\n") < _HEAD_LINES and (more := file.read(_PIECE_BYTES)):
            head += more
        if len(head) == size:
            return Sample(head.decode(), (), quoted)
        pieces = []
        if not quoted:
            for start in (max(len(head), size // 2), max(len(head), size - _PIECE_BYTES)):
                file.seek(start)
                pieces.append(_whole_lines(file.read(_PIECE_BYTES)))
    return Sample(head[: head.rfind(b"\n") + 1].decode(), tuple(pieces), quoted)


def _whole_lines(piece: bytes) -> str:
    return piece[piece.find(b"\n") + 1 : piece.rfind(b"\n") + 1].decode()
