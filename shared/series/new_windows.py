"""The inputs of windows made of new rows, by what makes the training windows: the same rows give the same window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shared.series.columns import Source
from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.references import References
from shared.series.sampling import NO_CAUSE, Drop
from shared.series.series import NANOSECONDS_PER_MINUTE, Series, Times, Values
from shared.series.time_features import calendar_sources
from shared.series.windows import sample_offsets, series_source

_LOOKED_AT_ONCE = 1024
_MOST_LOOKED_AT = 100 * _LOOKED_AT_ONCE


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a window cannot be filled from the input at ``place``, which needs rows from ``start`` to ``end`` (ns)."""

    place: int
    cause: Drop
    start: int
    end: int


class NewWindows:
    """Windows at any reference time, from the rows of a configuration's inputs."""

    def __init__(self, configuration: Configuration, series: Sequence[Series]) -> None:
        """``series`` has the rows of each of ``configuration.inputs``, in that order."""
        steps = configuration.time_steps
        self._entries, self._series = configuration.inputs, list(series)
        self._step = round(steps.step_minutes * NANOSECONDS_PER_MINUTE)
        self._count = steps.input
        self._measured: list[Source] = [
            series_source(entry, one, steps.input) for entry, one in zip(self._entries, series, strict=True)
        ]
        self._calendar = [source for source, _ in calendar_sources(configuration, steps.input)]

    def at(self, reference: int) -> Values:
        """(I, F_in) in original units, at a reference time for which nothing is lacking."""
        here = References(reference, self._step, 1)
        columns = [column for source in (*self._measured, *self._calendar) for column in source(here).columns]
        return np.array([[float(values[0]) for values in column.steps()] for column in columns]).T

    def lacks(self, reference: int) -> list[Lack]:
        """What keeps the window from being filled; nothing where it can be."""
        here = References(reference, self._step, 1)
        found = []
        for place, source in enumerate(self._measured):
            causes = source(here).causes
            if causes is not None and causes[0] != NO_CAUSE:
                found.append(Lack(place, Drop(int(causes[0])), *needed(self._entries[place], self._count, reference)))
        return found

    def newest(self, grid: int | None = None) -> int | None:
        """The latest reference time, in ns, whose window can be filled; None where there is none.

        Reference times are whole steps away from ``grid``; without one, from :meth:`latest`. At most some 100,000 of
        them are looked at.
        """
        for references in self._backwards(self.latest(grid)):
            filled = np.ones(references.count, dtype=bool)
            for source in self._measured:
                causes = source(references).causes
                if causes is not None:
                    filled &= causes == NO_CAUSE
            if filled.any():
                return references.first + int(np.flatnonzero(filled)[-1]) * references.step
        return None

    def latest(self, grid: int | None = None) -> int:
        """Where the first input ends: no later window can be filled, and whether this one can depends on its rows."""
        pairs = zip(self._entries, self._series, strict=True)
        latest = min(_latest(entry, self._count, one) for entry, one in pairs)
        return latest if grid is None else latest - (latest - grid) % self._step

    def _backwards(self, latest: int) -> Iterator[References]:
        earliest = max(_earliest(entry, one) for entry, one in zip(self._entries, self._series, strict=True))
        count = min((latest - earliest) // self._step + 1, _MOST_LOOKED_AT)
        while count > 0:
            here = min(count, _LOOKED_AT_ONCE)
            yield References(latest - (here - 1) * self._step, self._step, here)
            latest -= here * self._step
            count -= here


def needed(entry: SeriesConfiguration, count: int, reference: int) -> tuple[int, int]:
    """From when to when, in ns, an input needs rows for the window at a reference time."""
    if entry.kind == "current":
        return reference, reference
    start, end = _ends(entry, count).tolist()
    return reference + start, reference + end


def _earliest(entry: SeriesConfiguration, series: Series) -> int:
    if entry.kind == "current":
        return series.first
    return series.first - int(sample_offsets(entry.horizon, 1)[0])


def _latest(entry: SeriesConfiguration, count: int, series: Series) -> int:
    """Of a current value, its newest row: later, it would not be current any more."""
    return series.last - (0 if entry.kind == "current" else int(_ends(entry, count)[1]))


def _ends(entry: SeriesConfiguration, count: int) -> Times:
    """Offsets in ns of the first and the last time that a window depends on."""
    return sample_offsets(entry.horizon, 2 if entry.average else count)[[0, -1]]
