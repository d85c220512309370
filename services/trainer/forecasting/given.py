"""New rows as they are sent, read as series under the names that they were sent with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from services.trainer.forecasting.moments import issue_moments, moments, unreadable
from services.trainer.forecasting.question import ForecastQuestion
from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.series import Series

_TABLE = "the rows sent"
_TIME = "time"


@dataclass(frozen=True, slots=True)
class TrainedFile:
    """How a file of the session is called, and how its times were read."""

    name: str
    timezone: str
    day_first: bool | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """A configuration's inputs, with the names that rows for them may have."""

    configuration: Configuration
    features: Sequence[str]
    """The inputs' own names, made different where two have the same."""
    files: Mapping[str, TrainedFile]

    @classmethod
    def together(cls, several: Sequence[Inputs]) -> Self:
        """All inputs of several models in order, to read rows for all of them at once."""
        series = [entry for inputs in several for entry in inputs.configuration.inputs]
        features = [name for inputs in several for name in inputs.features]
        first = several[0]
        return cls(first.configuration.model_copy(update={"series": series}), features, first.files)

    def names(self, place: int) -> list[str]:
        """The input's own name first, then its column's."""
        entry = self.configuration.inputs[place]
        file = self.files.get(entry.file)
        column = entry.value_column
        qualified = [f"{name}/{column}" for name in (entry.file, file.name if file else None) if name and column]
        return [self.features[place], *qualified, *([column] if column else [entry.file])]

    def place(self, name: str) -> int | None:
        """Of the first input with this name: an own name before a column's."""
        places = range(len(self.configuration.inputs))
        own = (place for place in places if self.features[place] == name)
        return next(own, next((place for place in places if name in self.names(place)), None))

    def zone(self, place: int) -> str:
        """Of times without an offset."""
        file = self.files.get(self.configuration.inputs[place].file)
        return file.timezone if file else "UTC"

    def complete(self, given: Mapping[int, Series]) -> list[Series]:
        """The rows of every input; inputs of the same column share theirs. Raises where there are none for one."""
        entries = list(enumerate(self.configuration.inputs))
        by_column = {_column(entries[place][1]): series for place, series in given.items()}
        # Of several models together, inputs of one name and column are the same input.
        by_name = {(self.features[place], _column(entries[place][1])): series for place, series in given.items()}
        found = [
            given.get(place, by_name.get((self.features[place], _column(entry)), by_column.get(_column(entry))))
            for place, entry in entries
        ]
        missing = _once(self.features[place] for place, series in enumerate(found) if series is None)
        if missing:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="Rows of an input are missing",
                detail=f"There are no rows of {_listed(missing)}; "
                f"given were rows of {_listed([self.features[place] for place in sorted(given)])}.",
                recovery=[f"Send the newest rows of {_listed(_once(self.features))}."],
                technical_details={"missing": missing, "inputs": _once(self.features)},
            )
        return [series for series in found if series is not None]

    def unknown(self, name: str, where: str) -> ProblemError:
        """The problem of rows that belong to no input."""
        known = _once(each for place in range(len(self.features)) for each in self.names(place))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such input",
            detail=f"{where}{name!r} is no input of the model; its inputs are {_listed(_once(self.features))}.",
            recovery=[f"Did you mean {near[0]!r}?"] if near else ["Send rows of the model's inputs alone."],
            technical_details={"inputs": _once(self.features)},
        )


def from_question(question: ForecastQuestion, inputs: Inputs) -> list[Series]:
    """The rows of every input, in order. Raises DATA_VALIDATION that names the series, the row and the value."""
    return inputs.complete(
        _from_rows(question, inputs) if question.rows is not None else _from_series(question, inputs)
    )


def from_csv(path: Path, inputs: Inputs, folder: Path) -> list[Series]:
    """The same of a CSV file, read as the session's files were; columns that are no inputs are left out.

    Raises DATA_VALIDATION that names line, column and value.
    """
    # With Polars, which takes longer to import than a forecast, and starts threads: only where it is needed.
    from shared.analysis.analyse import analyse_file
    from shared.analysis.document import AnalysisOverrides
    from shared.series.canonical import read_series

    trained = next(
        (inputs.files[entry.file] for entry in inputs.configuration.inputs if entry.file in inputs.files), None
    )
    overrides = AnalysisOverrides()
    if trained is not None:
        overrides = AnalysisOverrides(timezone=trained.timezone, day_first=trained.day_first)
    parquet = folder / "rows.parquet"
    analysis = analyse_file(path, file_name=_TABLE, parquet_path=parquet, overrides=overrides)
    columns = [column.name for column in analysis.columns if column.kind == "number"]
    given: dict[int, Series] = {}
    for column in columns:
        place = inputs.place(column)
        if place is not None:
            _check_new(given, place, column, inputs)
            entry = inputs.configuration.inputs[place].model_copy(update={"value_column": column})
            given[place] = read_series(parquet, entry, _TABLE)
    if not given:
        raise inputs.unknown(columns[0], "The first column of numbers, ")
    return inputs.complete(given)


def _from_series(question: ForecastQuestion, inputs: Inputs) -> dict[int, Series]:
    found: dict[int, Series] = {}
    for name, given in (question.series or {}).items():
        place = inputs.place(name)
        if place is None:
            raise inputs.unknown(name, "series.")
        _check_new(found, place, name, inputs)
        found[place] = _series(name, given.times, given.values, given.issues, inputs, place)
    return found


def _from_rows(question: ForecastQuestion, inputs: Inputs) -> dict[int, Series]:
    rows = question.rows or []
    entries = inputs.configuration.inputs
    own_times = {entry.time_column for entry in entries if entry.time_column}
    time_column = next((name for name in (_TIME, *sorted(own_times)) if name in rows[0]), None)
    if time_column is None:
        raise unreadable(f"rows.0: there is no {_TIME!r} that says when the row was measured")
    issue_columns = {entry.issue_column for entry in entries if entry.issue_column}
    names = _once(name for row in rows for name in row)
    found: dict[int, Series] = {}
    for name in names:
        if name == time_column or name in issue_columns:
            continue
        place = inputs.place(name)
        if place is None:
            raise inputs.unknown(name, "rows: ")
        _check_new(found, place, name, inputs)
        # A row without this column is none of its series; one with null is, and holds no number.
        own = [row for row in rows if name in row]
        issue = entries[place].issue_column
        values = [_number(row[name], name) for row in own]
        times = _texts(own, time_column)
        found[place] = _series(name, times, values, _texts(own, issue) if issue else None, inputs, place)
    return found


def _check_new(found: Mapping[int, Series], place: int, name: str, inputs: Inputs) -> None:
    if place in found:
        raise unreadable(f"{name}: rows of {inputs.features[place]!r} were given under another name already")


def _texts(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    for place, row in enumerate(rows):
        if not isinstance(row.get(column), str):
            raise unreadable(f"rows.{place}.{column}: {row.get(column)!r} is no time in ISO 8601")
    return [row[column] for row in rows]


def _number(value: float | str | None, name: str) -> float | None:
    if isinstance(value, str):
        raise unreadable(f"rows: {name!r} holds {value!r:.80}, which is no number")
    return value


def _series(
    name: str,
    times: Sequence[str],
    values: Sequence[float | None],
    issues: Sequence[str] | None,
    inputs: Inputs,
    place: int,
) -> Series:
    """Sorted by time, as a file's copy is. Raises DATA_VALIDATION for a time twice, as files do."""
    entry, zone = inputs.configuration.inputs[place], inputs.zone(place)
    if entry.kind == "forecast" and issues is None:
        raise unreadable(f"{name}: a forecast's rows need issues, which say when each of them was known")
    known = None
    if entry.kind == "forecast" and issues is not None:
        known = issue_moments(issues, zone, f"{name}.issues")
    stamps = moments(times, zone, f"{name}.times", known)
    order = np.argsort(stamps, kind="stable") if known is None else np.lexsort((known, stamps))
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)[order]
    try:
        return Series(entry.label, stamps[order], numbers, None if known is None else known[order])
    except ValueError as error:
        raise unreadable(f"{name}: a time is there twice") from error


def _column(entry: SeriesConfiguration) -> tuple[str, str | None, str | None]:
    return entry.file, entry.value_column, entry.issue_column


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"
