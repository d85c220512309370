"""Days that are marked: public holidays, the days before and after them, and lists of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shared.series.configuration_calendar import HolidayFeature
from shared.series.holiday_countries import country_holidays
from shared.series.series import Times, Values

_EPOCH = date(1970, 1, 1).toordinal()


class HolidayDays:
    """The columns of one feature for any days. A country's holidays are looked up year by year, once each."""

    def __init__(self, feature: HolidayFeature) -> None:
        self._feature = feature
        self._by_year: dict[int, NDArray[np.int64]] = {}

    def flags(self, days: Times) -> Values:
        """1 where a column's day is, else 0: (columns, m) for m days since 1970-01-01."""
        first, last = int(days.min()), int(days.max())
        tables: list[NDArray[np.float64]] = []
        if self._feature.marks_holidays:
            around = _table(self._holidays(first - 1, last + 1), first - 1, last + 1)
            tables.append(around[1:-1])
            if self._feature.day_before:
                tables.append(around[2:])
            if self._feature.day_after:
                tables.append(around[:-2])
        tables += [_table(_numbers(own), first, last) for own in self._feature.lists.values()]
        return np.stack([table[days - first] for table in tables])

    def _holidays(self, first: int, last: int) -> NDArray[np.int64]:
        if self._feature.dates is not None:
            return _numbers(self._feature.dates)
        years = range(date.fromordinal(_EPOCH + first).year, date.fromordinal(_EPOCH + last).year + 1)
        for year in years:
            if year not in self._by_year:
                self._by_year[year] = _numbers(country_holidays(self._feature, year))
        return np.concatenate([self._by_year[year] for year in years])


def _numbers(days: Iterable[date]) -> NDArray[np.int64]:
    """Days since 1970-01-01."""
    return np.array([day.toordinal() - _EPOCH for day in days], dtype=np.int64)


def _table(marked: NDArray[np.int64], first: int, last: int) -> NDArray[np.float64]:
    """For the days from first to last, both included: 1 where marked, else 0."""
    table = np.zeros(last - first + 1)
    table[marked[(marked >= first) & (marked <= last)] - first] = 1.0
    return table
