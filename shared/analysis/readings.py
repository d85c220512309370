"""Ways to read a column, or two, as times: proposed from the sample, in Polars for the whole file."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import polars as pl

from shared.analysis.cells import is_missing
from shared.analysis.formats import (
    EPOCH_MILLISECONDS,
    EPOCH_SECONDS,
    TimeFormat,
    epoch_unit,
    is_clock,
    is_compact_date,
    is_date_alone,
    is_time,
    time_formats,
)
from shared.analysis.sample import Record

_PROPOSED_SHARE = 0.5
"""A column is worth a full try when at least this share of its sampled cells fits."""
_EARLIEST, _LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)
_NAMED_LIKE_TIME = re.compile(r"time|date|datum|zeit|stamp|epoch|unix|uhr", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """One order of date parts for one column, with the spellings of it that occur."""

    column: int
    clock_column: int | None
    order: str
    formats: frozenset[TimeFormat]
    certain: bool
    """False for numbers that may be something else and whose column is not named like a time."""

    @property
    def name(self) -> str:
        """The most detailed of its spellings."""
        return max((spelling.name for spelling in self.formats), key=len, default=self.order)

    @property
    def has_offset(self) -> bool:
        """Whether the cells themselves say how far from UTC they are."""
        return self.order in (EPOCH_SECONDS, EPOCH_MILLISECONDS) or any(f.has_offset for f in self.formats)

    @property
    def columns(self) -> list[int]:
        """The columns that it reads."""
        return [self.column] if self.clock_column is None else [self.column, self.clock_column]

    def text(self) -> pl.Expr:
        """What is read: the cell, or date and clock side by side."""
        cells = [pl.col(str(index)).str.strip_chars() for index in self.columns]
        return cells[0] if len(cells) == 1 else pl.concat_str(cells, separator=" ")

    def quick_times(self, cells: pl.DataFrame) -> pl.Series | None:
        """:meth:`times` in a fraction of the time where every cell is written in the one way known; else None."""
        if len(self.formats) != 1 or self.clock_column is not None:
            return None
        (spelling,) = self.formats
        if "%.f" in spelling.pattern:
            return None
        # Nearly all files with offsets have but one of them: Z.
        times = _parsed(pl.col(str(self.column)), spelling.pattern.replace("%#z", "Z"), "us")
        coarse = cells.select(times).to_series()
        low, high = coarse.min(), coarse.max()
        inside = isinstance(low, datetime) and isinstance(high, datetime) and low >= _EARLIEST and high < _LATEST
        return coarse.cast(pl.Datetime("ns")) if inside and not coarse.null_count() else None

    def times(self) -> pl.Expr:
        """The times in nanoseconds, local where there is no offset and UTC where there is; null where it fails."""
        if self.order in (EPOCH_SECONDS, EPOCH_MILLISECONDS):
            return _epoch_times(self.text(), 1.0 if self.order == EPOCH_MILLISECONDS else 1000.0)
        patterns = sorted(spelling.pattern for spelling in self.formats)
        return pl.coalesce(_pattern_times(self.text(), pattern) for pattern in patterns)

    def with_spellings_of(self, cells: Iterable[str]) -> Reading:
        """This reading, able to read these cells too where they keep the order of date parts."""
        found = {f for cell in cells for f in time_formats(cell) if f.order == self.order}
        fitting = {f for f in found if f.has_offset == self.has_offset}
        return replace(self, formats=self.formats | fitting)


def _pattern_times(text: pl.Expr, pattern: str) -> pl.Expr:
    # Nanoseconds wrap around outside 1677 to 2262, and %Y reads 17 as the year 17: microseconds show it.
    coarse = _parsed(text, pattern, "us")
    fine = _parsed(text, pattern, "ns") if "%.f" in pattern else coarse.cast(pl.Datetime("ns"))
    return pl.when(coarse.is_between(_EARLIEST, _LATEST, closed="left")).then(fine)


def _parsed(text: pl.Expr, pattern: str, unit: Literal["us", "ns"]) -> pl.Expr:
    # Times hardly ever repeat, so remembering them costs more than it saves.
    return text.str.strptime(pl.Datetime(unit), pattern, strict=False, cache=False).dt.replace_time_zone(None)


def _epoch_times(text: pl.Expr, to_milliseconds: float) -> pl.Expr:
    milliseconds = (text.cast(pl.Float64, strict=False) * to_milliseconds).round()
    times = milliseconds.cast(pl.Int64, strict=False).cast(pl.Datetime("ms"))
    return pl.when(times.is_between(_EARLIEST, _LATEST, closed="left")).then(times.cast(pl.Datetime("ns")))


def propose_readings(
    rows: Sequence[Record], labels: Sequence[str], *, clock_column: int | None = None, pattern: str | None = None
) -> list[Reading]:
    """The readings worth a full try, judged by the sampled rows.

    ``clock_column`` and ``pattern`` are a person's choice: where the times of day are, and how times are written.
    """
    columns = [[row[i] if i < len(row) else "" for row in rows] for i in range(len(labels))]
    clocks = [index for index, cells in enumerate(columns) if _share(is_clock, cells) == 1.0]
    if clock_column is not None:
        clocks = [index for index in clocks if index == clock_column]
    if pattern is not None:
        return _patterned_readings(columns, clock_column, pattern)
    calendar = [r for index in range(len(labels)) for r in _calendar_readings(index, columns, clocks)]
    like_numbers = [r for index, label in enumerate(labels) for r in _number_readings(index, label, columns[index])]
    # A counter can look like seconds since 1970: without the word for it, only where nothing else is a time.
    return calendar + [reading for reading in like_numbers if reading.certain or not calendar]


def _calendar_readings(index: int, columns: Sequence[Sequence[str]], clocks: Sequence[int]) -> list[Reading]:
    cells = columns[index]
    if _share(is_time, cells) < _PROPOSED_SHARE:
        return []
    clock = None
    if clocks and _share(is_date_alone, cells) == 1.0:
        clock = min(clocks, key=lambda other: abs(other - index))
        cells = [f"{date.strip()} {time.strip()}" for date, time in zip(cells, columns[clock], strict=True)]
    return [Reading(index, clock, order, formats, True) for order, formats in _fitting_formats(cells)]


def _fitting_formats(cells: Sequence[str]) -> list[tuple[str, frozenset[TimeFormat]]]:
    """The orders of date parts that fit most of these cells, several where they tie, with the spellings seen.

    Times with an offset and times without one never share a reading: they do not mean the same.
    """
    found: dict[tuple[str, bool], set[TimeFormat]] = defaultdict(set)
    counts: Counter[tuple[str, bool]] = Counter()
    for cell in cells:
        for spelling in time_formats(cell):
            found[spelling.order, spelling.has_offset].add(spelling)
            counts[spelling.order, spelling.has_offset] += 1
    most = max(counts.values(), default=0)
    return [(order, frozenset(found[order, offset])) for (order, offset), count in counts.items() if count == most]


def _patterned_readings(columns: Sequence[Sequence[str]], clock: int | None, pattern: str) -> list[Reading]:
    """A reading for each column of whose cells most fit a pattern that a person gave; none if it is no pattern."""
    spelling = TimeFormat(pattern, pattern, pattern, "%z" in pattern or "%:z" in pattern or "%#z" in pattern)
    cells = pl.DataFrame({str(index): column for index, column in enumerate(columns)})
    readings = [Reading(i, clock, pattern, frozenset((spelling,)), True) for i in range(len(columns)) if i != clock]
    try:
        shares = [cells.select(r.times().count() / pl.len()).item() for r in readings]
    except pl.exceptions.PolarsError:
        return []
    return [reading for reading, share in zip(readings, shares, strict=True) if share >= _PROPOSED_SHARE]


def _share(fits: Callable[[str], bool], cells: Sequence[str]) -> float:
    present = [cell for cell in cells if not is_missing(cell)]
    return sum(map(fits, present)) / len(present) if present else 0.0


def _number_readings(index: int, label: str, cells: Sequence[str]) -> list[Reading]:
    certain = _NAMED_LIKE_TIME.search(label) is not None
    units = {epoch_unit(cell) for cell in cells if not is_missing(cell)}
    found = [Reading(index, None, unit, frozenset(), certain) for unit in units if unit and len(units) == 1]
    if _share(is_compact_date, cells) == 1.0:
        found += [Reading(index, None, order, formats, certain) for order, formats in _fitting_formats(cells)]
    return found
