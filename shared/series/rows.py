"""Looking rows up by time: in a whole series, or in the issue of a forecast that was the newest at a moment."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from shared.series.range_sums import RangeSums
from shared.series.series import Series, Times, Values


class Rows(Protocol):
    """For each look-up (m,) the rows ``low`` to ``high - 1``; one bound may stand for all look-ups."""

    @property
    def times(self) -> Times:
        """When, in ns; rising within the bounds."""

    @property
    def values(self) -> Values:
        """What; NaN where a row holds no number."""

    @property
    def low(self) -> Times:
        """The first row of each look-up."""

    @property
    def high(self) -> Times:
        """The row behind the last of each look-up."""

    def at_or_after(self, moments: Times) -> Times:
        """The first row of each look-up that is not before its moment; ``high`` where there is none."""

    def means(self, starts: Times, ends: Times) -> Values:
        """The mean of the numbers with start <= time < end; NaN where there is none."""


class SeriesRows:
    """All rows of a measured series, for every look-up."""

    def __init__(self, series: Series) -> None:
        self.times, self.values = series.times, series.values
        self.low, self.high = np.zeros(1, dtype=np.int64), np.full(1, len(series))

    def at_or_after(self, moments: Times) -> Times:
        """See :class:`Rows`."""
        return np.searchsorted(self.times, moments)

    def means(self, starts: Times, ends: Times) -> Values:
        """See :class:`Rows`."""
        times, sums = self._numbers
        return _means(sums, np.searchsorted(times, starts), np.searchsorted(times, ends))

    @cached_property
    def _numbers(self) -> tuple[Times, RangeSums]:
        numeric = np.isfinite(self.values)
        return self.times[numeric], RangeSums(self.values[numeric])


class Issues:
    """A forecast's rows by issue. Rows are found by one search over (number of the issue, number of the time)."""

    def __init__(self, series: Series) -> None:
        """Raises ValueError for a series without issue times."""
        if series.issues is None:
            raise ValueError(f"series {series.name!r} is a forecast and needs issue times")
        order = np.lexsort((series.times, series.issues))
        self.times, self.values = series.times[order], series.values[order]
        self._issues, numbers = np.unique(series.issues[order], return_inverse=True)
        self._distinct, places = np.unique(self.times, return_inverse=True)
        self._width = len(self._distinct) + 1
        self.keys: Times = numbers * self._width + places

    def newest(self, moments: Times) -> Times:
        """For each moment (m,) the number of the newest issue that is not after it; -1 where there is none."""
        return np.searchsorted(self._issues, moments, side="right") - 1

    def rows(self, newest: Times) -> IssueRows:
        """For each look-up (m,) the rows of that issue."""
        return IssueRows(self, np.maximum(newest, 0) * self._width, self._width)

    def place(self, moments: Times) -> Times:
        """How many distinct times are before each moment."""
        return np.searchsorted(self._distinct, moments)

    @cached_property
    def numbers(self) -> tuple[Times, RangeSums]:
        """Keys of the rows that hold numbers, and sums of those."""
        numeric = np.isfinite(self.values)
        return self.keys[numeric], RangeSums(self.values[numeric])


class IssueRows:
    """Each look-up in one issue's rows."""

    def __init__(self, issues: Issues, issue: Times, width: int) -> None:
        self._issues, self._issue = issues, issue
        self.times, self.values = issues.times, issues.values
        self.low, self.high = np.searchsorted(issues.keys, issue), np.searchsorted(issues.keys, issue + width)

    def at_or_after(self, moments: Times) -> Times:
        """See :class:`Rows`."""
        return np.searchsorted(self._issues.keys, self._issue + self._issues.place(moments))

    def means(self, starts: Times, ends: Times) -> Values:
        """See :class:`Rows`."""
        keys, sums = self._issues.numbers
        low = np.searchsorted(keys, self._issue + self._issues.place(starts))
        high = np.searchsorted(keys, self._issue + self._issues.place(ends))
        return _means(sums, low, high)


def _means(sums: RangeSums, low: Times, high: Times) -> Values:
    counts = high - low
    means: Values = np.divide(sums.over(low, high), counts, out=np.full(len(low), np.nan), where=counts > 0)
    return means
