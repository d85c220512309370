"""Which columns hold times, and in which format: a format counts only if every non-empty cell of the file fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from services.upload.analysis.cells import missing
from services.upload.analysis.dialect import Dialect
from services.upload.analysis.document import AnalysisOverrides
from services.upload.analysis.formats import other_order
from services.upload.analysis.readings import Reading
from services.upload.analysis.refusal import refusal
from services.upload.analysis.table import ROW, Table
from shared.problems import ProblemError

_SPELLINGS_LOOKED_AT = 10_000
_PLAUSIBLE_SCORE = 0.6
"""What numbers that may be times must reach: in order and without repetition."""


@dataclass(frozen=True)
class Candidate:
    """A reading that fits the whole file. ``times`` has one entry per row, null where the cell is empty."""

    reading: Reading
    times: pl.Series
    score: float
    ambiguous: bool


@dataclass(frozen=True)
class _Attempt:
    reading: Reading
    times: pl.Series
    misfits: pl.DataFrame
    """The first rows, with their text, that are neither empty nor times."""


def find_times(table: Table, readings: Sequence[Reading], overrides: AnalysisOverrides) -> list[Candidate]:
    """The readings that hold for the whole file, best first; empty when no column looks like times.

    Raises DATA_VALIDATION that names line, column and value when a column looks like times and one cell does not
    fit, or when the column or the format that was asked for is not there.
    """
    wanted = _wanted(table, readings, overrides)
    attempts = _attempts(table, wanted)
    attempts = [_widened(table, attempt) if attempt.misfits.height else attempt for attempt in attempts]
    fitting = [attempt for attempt in attempts if not attempt.misfits.height and _is_plausible(attempt)]
    failing = [attempt for attempt in attempts if attempt.misfits.height and attempt.reading.certain]
    if failing and not fitting:
        raise _misfit(table, min(failing, key=lambda attempt: attempt.times.null_count()))
    fitting = [attempt for attempt in fitting if not _says_the_same(table, attempt, fitting)]
    orders = {(attempt.reading.column, attempt.reading.order) for attempt in fitting}
    candidates = [
        Candidate(
            attempt.reading,
            attempt.times,
            _score(attempt),
            _is_ambiguous(attempt.reading, orders),
        )
        for attempt in fitting
    ]
    return sorted(candidates, key=lambda c: (-c.score, not _usual(c.reading.order, table.dialect), c.reading.column))


def _wanted(table: Table, readings: Sequence[Reading], overrides: AnalysisOverrides) -> list[Reading]:
    wanted = [
        reading
        for reading in readings
        if overrides.time_column in (None, reading.column)
        and overrides.time_format in (None, reading.order, reading.name)
    ]
    if wanted or (overrides.time_column is None and overrides.time_format is None):
        return wanted
    asked = "any column" if overrides.time_column is None else f"column number {overrides.time_column + 1}"
    offered = sorted({f"{table.dialect.title(r.column)!r} as {r.name}" for r in readings}) or ["nothing"]
    raise refusal(
        table.file_name,
        title="The times cannot be read as asked",
        found=f"{asked} in {overrides.time_format or 'any format'} does not fit; "
        f"what reads as times: {', '.join(offered)}.",
        recovery=["Choose a column and a format that the analysis offers, or none."],
    )


def _attempts(table: Table, readings: Sequence[Reading]) -> list[_Attempt]:
    if not readings:
        return []
    columns = [reading.times().alias(str(position)) for position, reading in enumerate(readings)]
    found = table.read(table.rows().select(columns))
    return [
        _Attempt(reading, times, _misfits(table, reading, times))
        for reading, times in zip(readings, found.iter_columns(), strict=True)
    ]


def _misfits(table: Table, reading: Reading, times: pl.Series) -> pl.DataFrame:
    if not times.null_count():
        return pl.DataFrame()
    empty = missing(pl.col(str(reading.column)))
    rows = table.numbered_rows().filter(reading.times().is_null() & ~empty)
    return table.read(rows.select(ROW, reading.text().alias("text")).head(_SPELLINGS_LOOKED_AT))


def _widened(table: Table, attempt: _Attempt) -> _Attempt:
    """Try again with the spellings of the cells that did not fit: midnight without a clock, seconds now and then."""
    reading = attempt.reading.with_spellings_of(attempt.misfits["text"].unique())
    return attempt if reading == attempt.reading else _attempts(table, [reading])[0]


def _misfit(table: Table, attempt: _Attempt) -> ProblemError:
    row, text = attempt.misfits.row(0)
    return refusal(
        table.file_name,
        title="A time cannot be read",
        found=f"the other times are written as {attempt.reading.name}, this one is not.",
        line=table.line_numbers([row])[0],
        column=table.dialect.title(attempt.reading.column),
        value=text,
        recovery=["Write all times of the column in the same format, then upload the file again."],
    )


def _is_plausible(attempt: _Attempt) -> bool:
    return attempt.reading.certain or _score(attempt) >= _PLAUSIBLE_SCORE


def _says_the_same(table: Table, attempt: _Attempt, others: Sequence[_Attempt]) -> bool:
    """Whether the usual order of day and month gives the same times as this unusual one: 01/01, 02/02."""
    return not _usual(attempt.reading.order, table.dialect) and any(
        other.reading.column == attempt.reading.column
        and _usual(other.reading.order, table.dialect)
        and other.times.equals(attempt.times)
        for other in others
    )


def _is_ambiguous(reading: Reading, orders: set[tuple[int, str]]) -> bool:
    other = other_order(reading.order)
    return other != reading.order and (reading.column, other) in orders


def _usual(order: str, dialect: Dialect) -> bool:
    """Whether this order of day and month is the likelier one where both fit equally."""
    month_first = "/" in order and dialect.decimal_mark == "." and dialect.delimiter == ","
    return not order.startswith("mm" if not month_first else "dd")


def _score(attempt: _Attempt) -> float:
    """0 to 1: 0.3 each for times in order, without repetition and evenly spaced, 0.1 for being surely times."""
    times = attempt.times.drop_nulls()
    certainty = 0.1 if attempt.reading.certain else 0.0
    if len(times) < 2:
        return round(0.9 + certainty, 3)
    steps = times.cast(pl.Int64).diff().drop_nulls()
    ordered = max(int((steps >= 0).sum()), int((steps <= 0).sum())) / len(steps)
    regular = int((steps == steps.quantile(0.5, interpolation="nearest")).sum()) / len(steps)
    distinct = times.n_unique() / len(times)
    return round(0.3 * (ordered + distinct + regular) + certainty, 3)
