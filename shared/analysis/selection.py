"""Which rows reach the canonical copy, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from shared.analysis.document import LISTED, RejectedRow
from shared.analysis.localise import Localised
from shared.analysis.table import Table
from shared.analysis.timeline import iso_times
from shared.analysis.timestamps import Candidate
from shared.analysis.whole import Whole


@dataclass(frozen=True)
class Selection:
    """``kept`` has one entry per row; every other row is blank, rejected or a duplicate."""

    kept: pl.Series
    blank_count: int
    rejected: list[RejectedRow]
    rejected_count: int
    duplicates: list[RejectedRow]
    duplicate_count: int


def select_rows(
    whole: Whole, candidate: Candidate, localised: Localised, issues: Sequence[pl.Series], timezone: str
) -> Selection:
    """The first row of each time, or of each time and times of issue."""
    table, utc = whole.table, localised.utc
    kept = _firsts(localised, issues)
    untimed = candidate.times.is_null()
    without_time = (untimed & ~whole.blank).arg_true()
    not_existing = (utc.is_null() & ~untimed).arg_true()
    repeating = (utc.is_not_null() & ~kept).arg_true()
    rejected = _list_without_time(table, without_time)
    rejected += _list_not_existing(table, candidate, not_existing, timezone)
    return Selection(
        kept=kept,
        blank_count=int((untimed & whole.blank).sum()),
        rejected=sorted(rejected, key=lambda row: row.line)[:LISTED],
        rejected_count=len(without_time) + len(not_existing),
        duplicates=_list_repeating(table, utc, kept, repeating),
        duplicate_count=len(repeating),
    )


def _firsts(localised: Localised, issues: Sequence[pl.Series]) -> pl.Series:
    """Which rows are the first ones with their times."""
    utc, steps = localised.utc, localised.steps
    if not utc.null_count() and not steps.repeated and steps.count in (steps.forward, steps.backward):
        return pl.repeat(True, len(utc), dtype=pl.Boolean(), eager=True)
    if not issues:
        return utc.is_not_null() & utc.is_first_distinct()
    times = pl.DataFrame([one.alias(str(place)) for place, one in enumerate([utc, *issues])])
    return utc.is_not_null() & times.select(pl.struct(pl.all()).is_first_distinct()).to_series()


def _list_without_time(table: Table, rows: pl.Series) -> list[RejectedRow]:
    lines = table.line_numbers(rows.head(LISTED).to_list())
    return [RejectedRow(line=line, reason="there is no time") for line in lines]


def _list_not_existing(table: Table, candidate: Candidate, rows: pl.Series, timezone: str) -> list[RejectedRow]:
    listed = rows.head(LISTED)
    times = candidate.times.gather(listed).dt.strftime("%Y-%m-%d %H:%M:%S")
    lines = table.line_numbers(listed.to_list())
    return [
        RejectedRow(line=line, reason=f"{time} does not exist in {timezone}: the clock is put forward over it")
        for line, time in zip(lines, times, strict=True)
    ]


def _list_repeating(table: Table, utc: pl.Series, kept: pl.Series, rows: pl.Series) -> list[RejectedRow]:
    if rows.is_empty():
        return []
    listed = rows.head(LISTED)
    times = utc.gather(listed)
    firsts = (kept & utc.is_in(times.implode())).arg_true()
    lines = table.line_numbers([*listed, *firsts])
    line_of = dict(zip(utc.gather(firsts).cast(pl.Int64), lines[len(listed) :], strict=True))
    return [
        RejectedRow(line=line, reason=f"{written} is the time of line {line_of[time]} already")
        for line, time, written in zip(lines, times.cast(pl.Int64), iso_times(times), strict=False)
    ]
