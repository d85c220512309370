"""The rows of a file one by one: slow, and meant for finding the one place that is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.analysis.blocks import Block
from shared.analysis.content import lines_before
from shared.analysis.dialect import Dialect
from shared.analysis.refusal import refusal
from shared.analysis.sample import is_blank
from shared.problems import ProblemError

MAX_CELL_CHARACTERS = 131_072
"""The limit of Python's own reader, which is applied to every cell."""


def records(
    lines: Iterable[str], file_name: str, dialect: Dialect, *, first_line: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins; ``lines`` keep their line ends.

    Raises DATA_VALIDATION, with the line, where quotes do not match or a cell is too long.
    """
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quote_character else csv.QUOTE_NONE,
        strict=True,
    )
    line = first_line
    try:
        for record in reader:
            yield line, record
            line = first_line + reader.line_num
    except csv.Error as error:
        raise _cells_run_together(file_name, line, str(error)) from error


def position_of_data(path: Path, file_name: str, dialect: Dialect) -> tuple[int, int]:
    """The byte and the line at which the first record of data begins: behind blank lines and the header."""
    with path.open(encoding="utf-8", newline="") as file:
        every_record = records(file, file_name, dialect)
        first_line = next(line for place, (line, _) in enumerate(every_record) if place == dialect.skipped_records)
    with path.open("rb") as file:
        return sum(len(file.readline()) for _ in range(first_line - 1)), first_line


def first_fault(path: Path, file_name: str, dialect: Dialect, block: Block) -> ProblemError | None:
    """The problem of the block's first row that has not as many cells as the others, or whose quotes do not match."""
    text = io.StringIO(block.data.decode(errors="replace"), newline="")
    try:
        for line, record in records(text, file_name, dialect, first_line=lines_before(path, block.start) + 1):
            if len(record) != dialect.width and not is_blank(record):
                return refusal(
                    file_name,
                    title="A row does not fit the others",
                    found=f"the row has {len(record)} cells where the others have {dialect.width}.",
                    line=line,
                    value=dialect.delimiter.join(record),
                    recovery=["Give every row as many cells as the others.", "Check that the file is whole."],
                )
    except ProblemError as error:
        return error
    return None


def unreadable(path: Path, file_name: str, dialect: Dialect, block: Block) -> ProblemError:
    """The problem of a block in which the fast reader cannot tell the cells apart."""
    fault = first_fault(path, file_name, dialect, block)
    return fault or _cells_run_together(
        file_name, lines_before(path, block.start) + 1, "from here on a quote stands where none may be"
    )


def _cells_run_together(file_name: str, line: int, what: str) -> ProblemError:
    if "field limit" in what:
        return refusal(
            file_name,
            title="A cell of the file is too long",
            found=f"it is longer than {MAX_CELL_CHARACTERS:,} characters, or a quote before it is never closed.",
            line=line,
            recovery=["Check the quotes of the file.", "Leave out columns of long texts."],
        )
    return refusal(
        file_name,
        title="The file is malformed",
        found=f"the cells cannot be told apart: {what}.",
        line=line,
        recovery=['Check the quotes: a quoted cell ends with a quote, and one inside it is written twice ("").'],
    )
