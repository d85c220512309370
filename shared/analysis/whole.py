"""One pass over a whole file, block by block: numbers and times are read, counted and written as Parquet at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from shared.analysis.canonical import TIME, sink
from shared.analysis.cells import blank, missing
from shared.analysis.document import DecimalMark
from shared.analysis.glance import Glance, glances
from shared.analysis.plan import Plan
from shared.analysis.profile import ColumnProfile, Profiles
from shared.analysis.readings import Reading
from shared.analysis.table import Table
from shared.shares import TellShare, nobody

_TIMES = pl.Datetime("ns")
_UTC = pl.Datetime("ns", "UTC")


@dataclass(frozen=True)
class Attempt:
    """What came of reading times in one way. ``times`` has one entry per row, null where there is none."""

    reading: Reading
    times: pl.Series
    misfit: tuple[int, str] | None
    """The first row, with its text, that is neither empty nor a time."""


@dataclass(frozen=True)
class Whole:
    """A file as one pass under a plan found it. ``blank`` says of each row whether there is nothing in it at all."""

    plan: Plan
    attempts: Sequence[Attempt]
    profiles: Profiles
    blank: pl.Series

    @property
    def table(self) -> Table:
        """What was read."""
        return self.plan.table

    @property
    def height(self) -> int:
        """Number of rows, blank ones included."""
        return len(self.blank)


def read_whole(plan: Plan, path: Path, tell: TellShare = nobody) -> Whole:
    """Read all of it. Writes the times of the plan's first reading, as if they were UTC, and all of its numbers to
    ``path``, row by row: the canonical copy, if nothing about the file turns out otherwise.

    Raises DATA_VALIDATION for the first row that has not as many cells as the others.
    """
    reader = _Pass(plan, tell)
    schema = {TIME: _UTC, **{plan.names[index]: pl.Float64() for index in plan.numbers}}
    sink(register_io_source(reader.frames, schema=schema), path, columns=len(plan.numbers))
    attempts = [take.attempt() for take in reader.takes]
    return Whole(plan, attempts, reader.profiles, _joined(reader.blank, pl.Boolean()))


class _Pass:
    """The state of one pass."""

    def __init__(self, plan: Plan, tell: TellShare) -> None:
        self._plan = plan
        self._tell = tell
        self._height = 0
        self.takes = [_Take(reading) for reading in plan.readings]
        self.profiles = {index: ColumnProfile() for index in range(plan.table.dialect.width)}
        self.blank: list[pl.Series] = []

    def frames(self, *_: object) -> Iterator[pl.DataFrame]:
        """Each block's first times and its numbers; the arguments are the engine's wishes, of which it has none."""
        size = self._plan.table.path.stat().st_size
        for glance in glances(self._plan):
            times, numbers = self._take(glance)
            self._height += len(times)
            named = (numbers[index].alias(self._plan.names[index]) for index in self._plan.numbers)
            yield pl.DataFrame([times.dt.replace_time_zone("UTC").alias(TIME), *named])
            self._tell((glance.block.start + len(glance.block.data)) / size)

    def _take(self, glance: Glance) -> tuple[pl.Series, dict[int, pl.Series]]:
        """The times and the numbers of one block; all that is in it is counted."""
        cells = glance.cells
        if cells is None:
            cells = self._plan.table.texts(glance.block)
        numbers = {}
        for index in self._plan.values:
            if glance.cells is not None and index in self._plan.native:
                self.profiles[index].add_numbers(glance.facts[index])
                numbers[index] = cells[str(index)]
            else:
                numbers[index] = self.profiles[index].add_texts(cells[str(index)], self._mark, first_row=self._height)
        quick = glance.times if glance.cells is not None else [None] * len(self.takes)
        found = [take.read(cells, times, self._height) for take, times in zip(self.takes, quick, strict=True)]
        if any(times.null_count() for times in found):
            self._take_rows_without_time(self._plan.table.texts(glance.block))
        else:
            self.blank.append(pl.repeat(False, cells.height, dtype=pl.Boolean(), eager=True))
        return (found[0] if found else pl.repeat(None, cells.height, dtype=_TIMES, eager=True)), numbers

    @property
    def _mark(self) -> DecimalMark:
        return self._plan.table.dialect.decimal_mark

    def _take_rows_without_time(self, texts: pl.DataFrame) -> None:
        self.blank.append(texts.select(blank(pl.all())).to_series())
        for index in self._plan.times:
            self.profiles[index].add_missing(texts[str(index)])


class _Take:
    """One reading, block after block; it learns spellings that the sample did not have."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._parts: list[pl.Series] = []
        self._misfit: tuple[int, str] | None = None

    def read(self, cells: pl.DataFrame, quick: pl.Series | None, first_row: int) -> pl.Series:
        """The times of this block, which are ``quick`` if that is anything."""
        times = self._times(cells) if quick is None else quick
        if times.null_count():
            misfits = self._misfits(cells, times)
            widened = self._reading.with_spellings_of(misfits["text"].unique()) if misfits.height else self._reading
            if widened != self._reading:
                self._reading = widened
                times = self._times(cells)
                misfits = self._misfits(cells, times)
            if misfits.height and self._misfit is None:
                row, text = misfits.row(0)
                self._misfit = first_row + row, text
        self._parts.append(times)
        return times

    def attempt(self) -> Attempt:
        """All blocks together."""
        return Attempt(self._reading, _joined(self._parts, _TIMES), self._misfit)

    def _times(self, cells: pl.DataFrame) -> pl.Series:
        return cells.select(self._reading.times()).to_series()

    def _misfits(self, cells: pl.DataFrame, times: pl.Series) -> pl.DataFrame:
        found = cells.select(
            pl.int_range(pl.len()).alias("row"),
            self._reading.text().alias("text"),
            missing(pl.col(str(self._reading.column))).alias("missing"),
        )
        return found.filter(times.is_null() & ~found["missing"]).drop("missing")


def _joined(parts: list[pl.Series], kind: pl.DataType) -> pl.Series:
    return pl.concat(parts) if parts else pl.Series(dtype=kind)
