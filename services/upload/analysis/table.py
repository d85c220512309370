"""A file whose dialect is known, as columns of text that are read lazily and in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from services.upload.analysis.content import BLOCK_BYTES, Survey
from services.upload.analysis.dialect import Dialect
from services.upload.analysis.records import first_fault, records, unreadable

ROW = "row"
_READER_ERRORS = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)


@dataclass(frozen=True)
class Table:
    """Columns are called by their index, "0", "1", …; rows count from 0, blank ones included."""

    path: Path
    file_name: str
    dialect: Dialect
    height: int
    lines: int

    def rows(self) -> pl.LazyFrame:
        """Every row, every cell as text; an absent cell is empty."""
        return _scan(self.path, self.dialect)

    def numbered_rows(self) -> pl.LazyFrame:
        """:meth:`rows` with the row's number in ``ROW``."""
        return self.rows().with_row_index(ROW)

    def read(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        """Run a query over the rows in bounded memory. Raises DATA_VALIDATION for a row with too many cells."""
        try:
            return lazy.collect(engine="streaming")
        except _READER_ERRORS as error:
            if fault := first_fault(self.path, self.file_name, self.dialect):
                raise fault from error
            raise

    def line_numbers(self, rows: Sequence[int]) -> list[int]:
        """The line of the file on which each of these rows begins, counted from 1."""
        if self.lines == self.height + self.dialect.skipped_records:
            return [row + self.dialect.skipped_records + 1 for row in rows]
        # Some cells hold line breaks, so only reading up to the last row in question tells.
        needed = max(rows, default=-1) + 1
        begins = [line for line, _ in islice(records(self.path, self.file_name, self.dialect), needed)]
        return [begins[row] for row in rows]


def open_table(path: Path, file_name: str, dialect: Dialect, survey: Survey) -> Table:
    """Check that every row has as many cells as the others. Raises DATA_VALIDATION that names the first that has not.

    ``path`` is a UTF-8 file. The fast reader fills short rows up, so their delimiters are counted instead.
    """
    scan = _scan(path, dialect)
    try:
        height = int(scan.select(pl.len()).collect(engine="streaming").item())
        expected = height * (dialect.width - 1) + _delimiters_in_cells(scan, dialect)
    except _READER_ERRORS as error:
        raise unreadable(path, file_name, dialect) from error
    # Blank lines make a difference too, and are no fault.
    if _delimiters_in_rows(path, file_name, dialect) != expected and (fault := first_fault(path, file_name, dialect)):
        raise fault
    return Table(path, file_name, dialect, height, survey.lines)


def _scan(path: Path, dialect: Dialect) -> pl.LazyFrame:
    return pl.scan_csv(
        path,
        has_header=False,
        schema={str(index): pl.String for index in range(dialect.width)},
        separator=dialect.delimiter,
        quote_char=dialect.quote_character,
        skip_rows=dialect.skipped_records,
        empty_string_is_null=False,
        missing_columns="insert",
        glob=False,
    )


def _delimiters_in_cells(scan: pl.LazyFrame, dialect: Dialect) -> int:
    if dialect.quote_character is None:
        return 0
    counts = pl.all().str.count_matches(dialect.delimiter, literal=True).sum()
    return int(sum(scan.select(counts).collect(engine="streaming").row(0)))


def _delimiters_in_rows(path: Path, file_name: str, dialect: Dialect) -> int:
    """Delimiters after the header, those inside quotes included."""
    delimiter = dialect.delimiter.encode()
    every_record = records(path, file_name, dialect, header=True)
    first_line = next(line for position, (line, _) in enumerate(every_record) if position == dialect.skipped_records)
    with path.open("rb") as file:
        for _ in range(first_line - 1):
            file.readline()
        return sum(block.count(delimiter) for block in iter(lambda: file.read(BLOCK_BYTES), b""))
