"""Which columns hold times, and in which format: a format counts only if every non-empty cell of the file fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from shared.analysis.dialect import Dialect
from shared.analysis.document import AnalysisOverrides
from shared.analysis.formats import other_order
from shared.analysis.readings import Reading
from shared.analysis.refusal import refusal
from shared.analysis.steps import Steps, steps_of
from shared.analysis.table import Table
from shared.analysis.whole import Attempt, Whole
from shared.problems import ProblemError

_PLAUSIBLE_SCORE = 0.6
"""What numbers that may be times must reach: in order and without repetition."""


@dataclass(frozen=True)
class Candidate:
    """A reading that fits the whole file. ``times`` has one entry per row, null where the cell is empty."""

    reading: Reading
    times: pl.Series
    steps: Steps
    score: float
    ambiguous: bool


def wanted_readings(table: Table, readings: Sequence[Reading], overrides: AnalysisOverrides) -> list[Reading]:
    """Those that a person's choice allows. Raises DATA_VALIDATION, with what there is, when it allows none."""
    wanted = [reading for reading in readings if _is_wanted(reading, overrides)]
    asked = _asked(overrides)
    if wanted or not asked:
        return wanted
    offered = sorted({f"{table.dialect.title(r.column)!r} as {r.name}" for r in readings}) or ["nothing"]
    raise refusal(
        table.file_name,
        title="The times cannot be read as asked",
        found=f"{' and '.join(asked)} does not fit; what reads as times: {', '.join(offered)}.",
        recovery=["Choose a column and a format that the analysis offers, or none."],
    )


def _is_wanted(reading: Reading, overrides: AnalysisOverrides) -> bool:
    in_day_order = overrides.day_first is None or other_order(reading.order) == reading.order
    return (
        overrides.time_column in (None, reading.column)
        and overrides.clock_column in (None, reading.clock_column)
        and overrides.time_format in (None, reading.order, reading.name)
        and (in_day_order or reading.order.startswith("d") == overrides.day_first)
    )


def _asked(overrides: AnalysisOverrides) -> list[str]:
    asked = [
        f"{what} number {column + 1}"
        for what, column in (("column", overrides.time_column), ("clock column", overrides.clock_column))
        if column is not None
    ]
    if overrides.time_format is not None:
        asked.append(f"the format {overrides.time_format}")
    if overrides.day_first is not None:
        asked.append("day first" if overrides.day_first else "month first")
    return asked


def find_times(whole: Whole) -> list[Candidate]:
    """The readings that hold for the whole file, best first; empty when no column looks like times.

    Raises DATA_VALIDATION that names line, column and value when a column looks like times and one cell does not fit.
    """
    stepping = [(a, steps_of(a.times.drop_nulls())) for a in whole.attempts if a.misfit is None]
    fitting = [
        (attempt, steps)
        for attempt, steps in stepping
        if attempt.reading.certain or _score(attempt, steps) >= _PLAUSIBLE_SCORE
    ]
    failing = [attempt for attempt in whole.attempts if attempt.misfit is not None and attempt.reading.certain]
    if failing and not fitting:
        raise _misfit(whole.table, min(failing, key=lambda attempt: attempt.times.null_count()))
    attempts = [attempt for attempt, _ in fitting]
    dialect = whole.table.dialect
    fitting = [(attempt, steps) for attempt, steps in fitting if not _says_the_same(dialect, attempt, attempts)]
    orders = {(attempt.reading.column, attempt.reading.order) for attempt, _ in fitting}
    candidates = [
        Candidate(a.reading, a.times, steps, _score(a, steps), _is_ambiguous(a.reading, orders)) for a, steps in fitting
    ]
    return sorted(candidates, key=lambda c: (-c.score, not usual(c.reading.order, dialect), c.reading.column))


def usual(order: str, dialect: Dialect) -> bool:
    """Whether this order of day and month is the likelier one where both fit equally."""
    month_first = "/" in order and dialect.decimal_mark == "." and dialect.delimiter == ","
    return not order.startswith("mm" if not month_first else "dd")


def _misfit(table: Table, attempt: Attempt) -> ProblemError:
    row, text = attempt.misfit or (0, "")
    return refusal(
        table.file_name,
        title="A time cannot be read",
        found=f"the other times are written as {attempt.reading.name}, this one is not.",
        line=table.line_numbers([row])[0],
        column=table.dialect.title(attempt.reading.column),
        value=text,
        recovery=["Write all times of the column in the same format, then upload the file again."],
    )


def _says_the_same(dialect: Dialect, attempt: Attempt, others: Sequence[Attempt]) -> bool:
    """Whether the usual order of day and month gives the same times as this unusual one: 01/01, 02/02."""
    return not usual(attempt.reading.order, dialect) and any(
        other.reading.column == attempt.reading.column
        and usual(other.reading.order, dialect)
        and other.times.equals(attempt.times)
        for other in others
    )


def _is_ambiguous(reading: Reading, orders: set[tuple[int, str]]) -> bool:
    other = other_order(reading.order)
    return other != reading.order and (reading.column, other) in orders


def _score(attempt: Attempt, steps: Steps) -> float:
    """0 to 1: 0.3 each for times in order, without repetition and evenly spaced, 0.1 for being surely times."""
    certainty = 0.1 if attempt.reading.certain else 0.0
    if not steps.count:
        return round(0.9 + certainty, 3)
    ordered = max(steps.forward, steps.backward) / steps.count
    return round(0.3 * (ordered + steps.distinct / (steps.count + 1) + steps.regular / steps.count) + certainty, 3)
