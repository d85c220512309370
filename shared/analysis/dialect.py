"""How the cells are separated and numbers written: delimiter and decimal mark are judged together, by what parses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.analysis.cells import is_missing, is_number
from shared.analysis.document import AnalysisOverrides, DecimalMark, Delimiter
from shared.analysis.formats import is_time
from shared.analysis.refusal import refusal, shorten
from shared.analysis.sample import Record, Sample

MAX_COLUMNS = 2000
_MAX_LABEL_CHARACTERS = 190
"""With a number behind it, such a name still fits into a configuration."""
_DELIMITERS: tuple[Delimiter, ...] = (",", ";", "\t", "|")
_DECIMAL_MARKS: tuple[DecimalMark, ...] = (".", ",")


@dataclass(frozen=True)
class Dialect:
    """How to cut the file into cells. ``labels`` has one text per column, empty without a header."""

    delimiter: Delimiter
    decimal_mark: DecimalMark
    quote_character: Literal['"'] | None
    has_header: bool
    labels: tuple[str, ...]
    skipped_records: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.labels)

    def title(self, index: int) -> str:
        """What to call a column in a message."""
        return self.labels[index] or f"column {index + 1}"


def detect_dialect(sample: Sample, overrides: AnalysisOverrides, file_name: str) -> Dialect:
    """The dialect in which most of the sample's text parses as times and numbers.

    Raises DATA_VALIDATION when there are no rows of data, or more columns than ``MAX_COLUMNS``.
    """
    delimiter, decimal_mark, records = _best_split(sample, overrides)
    if not records:
        raise refusal(
            file_name,
            title="The file cannot be read as CSV",
            found="it has no rows, or a cell of it is longer than any measurement.",
            line=sample.line_too_long(),
            recovery=["Upload a CSV file with one row per time and columns separated by , ; tab or |."],
        )
    has_header = overrides.has_header
    if has_header is None:
        has_header = _has_header(records, decimal_mark)
    rows = records[1:] if has_header else records
    if not rows:
        raise refusal(
            file_name,
            title="The file has no rows of data",
            found="there is a header and nothing after it.",
            line=1,
            recovery=["Check the export that made the file, then upload it again."],
        )
    width = _common_width(rows)
    if width > MAX_COLUMNS:
        raise refusal(
            file_name,
            title="The file has too many columns",
            found=f"it has {width:,} columns; up to {MAX_COLUMNS:,} can be read.",
            recovery=["Split the table into several files with fewer columns."],
        )
    return Dialect(
        delimiter=delimiter,
        decimal_mark=decimal_mark,
        quote_character='"' if sample.quoted else None,
        has_header=has_header,
        labels=_labels(records[0], rows, width, file_name) if has_header else ("",) * width,
        skipped_records=sample.records_before_data(delimiter, header=has_header),
    )


def _best_split(sample: Sample, overrides: AnalysisOverrides) -> tuple[Delimiter, DecimalMark, list[Record]]:
    delimiters = (overrides.delimiter,) if overrides.delimiter else _DELIMITERS
    marks = (overrides.decimal_mark,) if overrides.decimal_mark else _DECIMAL_MARKS
    splits = [(delimiter, sample.records(delimiter)) for delimiter in delimiters]
    # max keeps the first of equals, so a comma and a decimal point win where nothing speaks against them.
    return max(
        ((delimiter, mark, records) for delimiter, records in splits for mark in marks),
        key=lambda split: _success(split[2], split[1]),
    )


def _success(records: list[Record], decimal_mark: DecimalMark) -> tuple[bool, float, bool]:
    """Whether a column of times appears, the share of text that parses, and whether there are columns at all.

    Counted in characters, not cells: a wrong delimiter cuts numbers into pieces that still look like numbers.
    """
    if not records:
        return (False, 0.0, False)
    rows = records[1:] or records
    width = _common_width(rows)
    parsed = total = 0
    timed = [0] * width
    for row in rows:
        for index, cell in enumerate(row):
            if is_missing(cell):
                continue
            total += len(cell)
            if is_number(cell, decimal_mark):
                parsed += len(cell)
            elif is_time(cell):
                parsed += len(cell)
                if index < width:
                    timed[index] += 1
    regular = sum(len(record) == width for record in records) / len(records)
    return (max(timed) > 0.5 * len(rows), round(regular * parsed / max(total, 1), 6), width > 1)


def _common_width(rows: Sequence[Record]) -> int:
    return Counter(len(row) for row in rows).most_common(1)[0][0]


def _has_header(records: list[Record], decimal_mark: DecimalMark) -> bool:
    """A header is a first record with text above columns of times or numbers."""
    first, rows = records[0], records[1:]
    if not rows:
        return not any(is_number(cell, decimal_mark) or is_time(cell) for cell in first)
    text_above_values = False
    values = False
    for index, cell in enumerate(first):
        column = [row[index] for row in rows if index < len(row) and not is_missing(row[index])]
        times = sum(map(is_time, column))
        numbers = sum(is_number(other, decimal_mark) for other in column)
        if not column or max(times, numbers) < 0.5 * len(column):
            continue
        if times >= numbers and is_time(cell):
            return False
        values = True
        text_above_values = text_above_values or not (is_missing(cell) or is_number(cell, decimal_mark))
    return text_above_values or not values


def _labels(header: Record, rows: Sequence[Record], width: int, file_name: str) -> tuple[str, ...]:
    labels = [shorten(cell.strip(), _MAX_LABEL_CHARACTERS) for cell in header]
    while len(labels) > width and not labels[-1]:
        labels.pop()
    # A delimiter at the end of each row makes an empty last column, which a header may leave out.
    beyond = (cell for row in rows for cell in row[len(labels) : width])
    if len(labels) > width or any(cell.strip() for cell in beyond):
        raise refusal(
            file_name,
            title="The header does not fit the rows",
            found=f"the header has {len(labels)} names, but the rows have {width} cells.",
            line=1,
            recovery=["Give every column one name in the first line.", "Check that one delimiter is used throughout."],
        )
    return tuple(labels + [""] * (width - len(labels)))
