"""The rows of a file one by one: slow, and meant for finding the one place that is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from services.upload.analysis.dialect import Dialect
from services.upload.analysis.refusal import refusal
from services.upload.analysis.sample import is_blank
from shared.problems import ProblemError


def records(path: Path, file_name: str, dialect: Dialect, *, header: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Each record of data with the line on which it begins, counted from 1; with ``header``, what precedes them too.

    Raises DATA_VALIDATION, with the line, where quotes do not match.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(
            file,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quote_character else csv.QUOTE_NONE,
            strict=True,
        )
        line = 1
        try:
            for position, record in enumerate(reader):
                if header or position >= dialect.skipped_records:
                    yield line, record
                line = reader.line_num + 1
        except csv.Error as error:
            raise _cells_run_together(file_name, line, str(error)) from error


def first_fault(path: Path, file_name: str, dialect: Dialect) -> ProblemError | None:
    """The problem of the first row that has not as many cells as the others, or whose quotes do not match."""
    try:
        for line, record in records(path, file_name, dialect):
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


def unreadable(path: Path, file_name: str, dialect: Dialect) -> ProblemError:
    """The problem of a file in which the fast reader cannot tell the cells apart."""
    fault = first_fault(path, file_name, dialect)
    return fault or _cells_run_together(file_name, None, "a quote stands where none may be")


def _cells_run_together(file_name: str, line: int | None, what: str) -> ProblemError:
    return refusal(
        file_name,
        title="The file is malformed",
        found=f"the cells cannot be told apart: {what}.",
        line=line,
        recovery=['Check the quotes: a quoted cell ends with a quote, and one inside it is written twice ("").'],
    )
