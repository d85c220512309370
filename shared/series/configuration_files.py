"""A configuration checked against the files that it names: do they, and their columns, exist?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, SeriesConfiguration


@dataclass(frozen=True, slots=True)
class FileColumns:
    """What a file offers, as its analysis found it."""

    file_name: str
    columns: list[str]
    numeric_columns: list[str]
    time_column: str | None


def check_against_files(configuration: Configuration, files: Mapping[str, FileColumns]) -> Configuration:
    """The configuration with file ids and value columns filled in.

    A series names its file by id or by name. Raises a problem for a file or column that does not exist, with
    those that do.
    """
    series = [_resolve(entry, index, files) for index, entry in enumerate(configuration.series)]
    return configuration.model_copy(update={"series": series})


def _resolve(entry: SeriesConfiguration, index: int, files: Mapping[str, FileColumns]) -> SeriesConfiguration:
    where = f"series.{index}"
    by_name = {columns.file_name: file_id for file_id, columns in files.items()}
    file_id = entry.file if entry.file in files else by_name.get(entry.file)
    if file_id is None:
        raise _unknown(f"{where}.file", "file", entry.file, sorted(by_name))
    columns = files[file_id]
    if columns.time_column is None:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A file has no time column",
            detail=f"{where}.file: no column of {columns.file_name} could be read as times.",
            recovery=["Look at the file's analysis for what was tried.", "Upload it with ISO 8601 times."],
        )
    if entry.time_column is not None and entry.time_column not in columns.columns:
        raise _unknown(f"{where}.time_column", f"column of {columns.file_name}", entry.time_column, columns.columns)
    if entry.time_column not in (None, columns.time_column):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The file's times are in another column",
            detail=f"{where}.time_column: {columns.file_name} was read with the times of {columns.time_column!r}, "
            f"not of {entry.time_column!r}.",
            recovery=[f"Leave time_column out, or give {columns.time_column!r}."],
        )
    if entry.issue_column is not None and entry.issue_column not in columns.columns:
        raise _unknown(f"{where}.issue_column", f"column of {columns.file_name}", entry.issue_column, columns.columns)
    value_column = entry.value_column
    if value_column is None and len(columns.numeric_columns) == 1:
        value_column = columns.numeric_columns[0]
    if value_column is None or value_column not in columns.numeric_columns:
        raise _unknown(
            f"{where}.value_column", f"number column of {columns.file_name}", value_column, columns.numeric_columns
        )
    return entry.model_copy(update={"file": file_id, "value_column": value_column})


def _unknown(where: str, what: str, value: str | None, known: list[str]) -> ProblemError:
    near = difflib.get_close_matches(value or "", known, n=1, cutoff=0.5)
    return ProblemError(
        Category.DATA_VALIDATION,
        title=f"There is no such {what.partition(' of ')[0]}",
        detail=f"{where}: {value!r} is no {what}; there are: {', '.join(known) or 'none'}.",
        recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of those that exist."],
    )
