"""A file whose dialect is known, as blocks of cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from shared.analysis.blocks import Block, blocks_of
from shared.analysis.cells import blank
from shared.analysis.dialect import Dialect
from shared.analysis.records import MAX_CELL_CHARACTERS, first_fault, position_of_data, records, unreadable

_READER_ERRORS = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)


@dataclass(frozen=True)
class Table:
    """A UTF-8 file. Columns are called by their index, "0", "1", …; rows count from 0, blank ones included."""

    path: Path
    file_name: str
    dialect: Dialect
    start: int
    """The first byte of data."""
    first_line: int
    """The line of the file, counted from 1, on which it lies."""

    def blocks(self) -> Iterator[Block]:
        """All rows, a few megabytes of them at a time."""
        return blocks_of(self.path, self.start, quoted=self.dialect.quote_character is not None)

    def texts(self, block: Block) -> pl.DataFrame:
        """The block's cells as texts; an absent cell is empty.

        Raises DATA_VALIDATION for the first row that has not as many cells as the others, or one too long.
        """
        try:
            frame = self._read(block, frozenset())
        except _READER_ERRORS as error:
            raise unreadable(self.path, self.file_name, self.dialect, block) from error
        self._refuse_faults(block, frame)
        return frame

    def numbers(self, block: Block, columns: Collection[int]) -> pl.DataFrame | None:
        """As :meth:`texts`, but with these columns as numbers; None where one of their cells holds anything else.

        An empty cell is null. The reader takes "inf", "nan" and blanks before a number for numbers.
        """
        try:
            frame = self._read(block, columns)
        except _READER_ERRORS:
            return None
        self._refuse_faults(block, frame)
        return None if self._may_have_points(block, frame) else frame

    def line_numbers(self, rows: Sequence[int]) -> list[int]:
        """The line of the file on which each of these rows begins, counted from 1."""
        if self.dialect.quote_character is None:
            return [self.first_line + row for row in rows]
        # Some cells may hold line breaks, so only reading up to the last row in question tells.
        needed = max(rows, default=-1) + 1
        with self.path.open("rb") as marked:
            marked.seek(self.start)
            lines = (line.decode() for line in marked)
            numbered = records(lines, self.file_name, self.dialect, first_line=self.first_line)
            begins = [line for line, _ in islice(numbered, needed)]
        return [begins[row] for row in rows]

    def first_rows(self, count: int) -> list[tuple[str, ...]]:
        """The first rows that are not blank, cells as written."""
        rows: list[tuple[str, ...]] = []
        for block in self.blocks():
            rows += self.texts(block).filter(~blank(pl.all())).head(count - len(rows)).rows()
            if len(rows) == count:
                break
        return rows

    def _read(self, block: Block, numbers: Collection[int]) -> pl.DataFrame:
        return pl.read_csv(
            block.data,
            has_header=False,
            schema={str(i): pl.Float64 if i in numbers else pl.String for i in range(self.dialect.width)},
            separator=self.dialect.delimiter,
            quote_char=self.dialect.quote_character,
            decimal_comma=bool(numbers) and self.dialect.decimal_mark == "," and self.dialect.delimiter != ",",
            empty_string_is_null=False,
            missing_columns="insert",
        )

    def _refuse_faults(self, block: Block, frame: pl.DataFrame) -> None:
        if not (self._has_long_cells(frame) or self._has_short_rows(block, frame)):
            return
        # Blank lines have fewer delimiters, too, and are no fault.
        if fault := first_fault(self.path, self.file_name, self.dialect, block):
            raise fault

    def _has_long_cells(self, frame: pl.DataFrame) -> bool:
        texts = frame.select(pl.col(pl.String).str.len_bytes() > MAX_CELL_CHARACTERS)
        return any(column.any() for column in texts.iter_columns())

    def _has_short_rows(self, block: Block, frame: pl.DataFrame) -> bool:
        """The reader fills short rows up: the last column tells where there may be some, the delimiters if."""
        last = frame.to_series(frame.width - 1)
        suspicious = last.null_count() if last.dtype == pl.Float64 else (last.str.len_bytes() == 0).any()
        if not suspicious:
            return False
        in_rows = block.data.count(self.dialect.delimiter.encode())
        return in_rows != frame.height * (self.dialect.width - 1) + self._delimiters_in_cells(frame)

    def _delimiters_in_cells(self, frame: pl.DataFrame) -> int:
        if self.dialect.quote_character is None:
            return 0
        return _count(frame, self.dialect.delimiter)

    def _may_have_points(self, block: Block, frame: pl.DataFrame) -> bool:
        """Whether a decimal point stands in a column of numbers with commas: the reader takes both."""
        if self.dialect.decimal_mark == ".":
            return False
        return block.data.count(b".") != _count(frame, ".")


def open_table(path: Path, file_name: str, dialect: Dialect) -> Table:
    """The table in the UTF-8 file ``path``. Raises DATA_VALIDATION where the quotes of the header do not match."""
    start, first_line = position_of_data(path, file_name, dialect)
    return Table(path, file_name, dialect, start, first_line)


def _count(frame: pl.DataFrame, text: str) -> int:
    """How often this text stands in columns of texts."""
    counts = frame.select(pl.col(pl.String).str.count_matches(text, literal=True))
    return int(sum(column.sum() for column in counts.iter_columns()))
