"""Which rows reach the canonical copy, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from services.upload.analysis.cells import blank, missing
from services.upload.analysis.document import LISTED, RejectedRow
from services.upload.analysis.table import ROW, Table
from services.upload.analysis.timeline import iso_times
from services.upload.analysis.timestamps import Candidate


@dataclass(frozen=True)
class Selection:
    """``kept`` has one entry per row; every other row is blank, rejected or a duplicate."""

    kept: pl.Series
    blank_count: int
    rejected: list[RejectedRow]
    rejected_count: int
    duplicates: list[RejectedRow]
    duplicate_count: int


def select_rows(table: Table, candidate: Candidate, utc: pl.Series, timezone: str) -> Selection:
    """The first row of each time. ``utc`` has the time of each row, null where it has none or none that exists."""
    kept = utc.is_not_null() & utc.is_first_distinct()
    without_time, blank_count = _rows_without_time(table, candidate)
    not_existing = (utc.is_null() & candidate.times.is_not_null()).arg_true()
    repeating = (utc.is_not_null() & ~kept).arg_true()
    rejected = _list_without_time(table, without_time)
    rejected += _list_not_existing(table, candidate, not_existing, timezone)
    return Selection(
        kept=kept,
        blank_count=blank_count,
        rejected=sorted(rejected, key=lambda row: row.line)[:LISTED],
        rejected_count=len(without_time) + len(not_existing),
        duplicates=_list_repeating(table, utc, kept, repeating),
        duplicate_count=len(repeating),
    )


def _rows_without_time(table: Table, candidate: Candidate) -> tuple[pl.Series, int]:
    """The rows that hold something but no time, and the number of those that hold nothing at all."""
    if not candidate.times.null_count():
        return pl.Series(dtype=pl.UInt32), 0
    rows = table.numbered_rows().filter(missing(pl.col(str(candidate.reading.column))))
    found = table.read(rows.select(ROW, blank=blank(pl.exclude(ROW))))
    without_time = found.filter(~pl.col("blank"))[ROW]
    return without_time, found.height - len(without_time)


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
    listed = rows.head(LISTED)
    times = utc.gather(listed)
    firsts = (kept & utc.is_in(times.implode())).arg_true()
    lines = table.line_numbers([*listed, *firsts])
    line_of = dict(zip(utc.gather(firsts), lines[len(listed) :], strict=True))
    return [
        RejectedRow(line=line, reason=f"{written} is the time of line {line_of[time]} already")
        for line, time, written in zip(lines, times, iso_times(times), strict=False)
    ]
