"""Calendar features at sample times, in UTC or in a zone's local time (algorithms section 4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.series.calendar_columns import column_names
from shared.series.columns import Source, over_windows
from shared.series.configuration import Configuration
from shared.series.configuration_calendar import HolidayFeature, TimeFeature
from shared.series.configuration_fields import Horizon
from shared.series.holiday_countries import check_holidays
from shared.series.holiday_days import HolidayDays
from shared.series.sampling import Sampled
from shared.series.series import Times, Values
from shared.series.windows import sample_offsets

_UTC_PERIODS = {"year": 31_557_600, "month": 2_629_800, "week": 604_800, "day": 86_400}
_DAY = 86_400
_THURSDAY = 3
"""The first of January 1970, counted from Monday."""
_Evaluate = Callable[[Times], Values]


def calendar_sources(configuration: Configuration, count: int) -> list[tuple[Source, int]]:
    """Sources of the calendar columns, of windows of N = ``count`` steps, and how many each makes.

    Raises a problem for an unknown country.
    """
    check_holidays(configuration)
    sources = []
    for name, feature in configuration.time_features.wanted.items():
        zone = configuration.timezone if feature.local else None
        evaluate = _flags(feature, zone) if isinstance(feature, HolidayFeature) else _cycle(name, zone)
        sources.append((_source(feature, count, evaluate), len(column_names(name, feature))))
    return sources


def _source(feature: TimeFeature, count: int, evaluate: _Evaluate) -> Source:
    offsets = np.zeros(1, dtype=np.int64)
    if feature.at == "horizon":
        horizon = Horizon(start_hours=feature.start_hours, end_hours=feature.end_hours)
        offsets = sample_offsets(horizon, count)
    repeated = count // len(offsets)
    return lambda references: over_windows(lambda at: Sampled(evaluate(at), None), references, offsets, repeated)


def _cycle(name: str, zone: str | None) -> _Evaluate:
    """Sine and cosine (2, m) of how much of the cycle has passed."""

    def evaluate(moments: Times) -> Values:
        share = moments / 1e9 / _UTC_PERIODS[name] if zone is None else _local_share(name, *_wall_clock(moments, zone))
        phase = 2 * np.pi * share
        return np.stack([np.sin(phase), np.cos(phase)])

    return evaluate


def _flags(feature: HolidayFeature, zone: str | None) -> _Evaluate:
    """1 (columns, m) on the feature's days, else 0."""
    calendar = HolidayDays(feature)
    return lambda moments: calendar.flags(_wall_clock(moments, zone)[0])


def _local_share(name: str, days: Times, seconds: Times) -> Values:
    """Seconds by wall clock since the start of the local year, month, week or day, over that cycle's length."""
    passed: NDArray[np.int64]
    length: NDArray[np.int64] | int
    match name:
        case "year":
            passed, length = _since_start(days, "Y")
        case "month":
            passed, length = _since_start(days, "M")
        case "week":
            passed, length = (days + _THURSDAY) % 7, 7
        case _:
            passed, length = np.zeros(len(days), dtype=np.int64), 1
    share: Values = (passed * _DAY + seconds) / (length * _DAY)
    return share


def _since_start(days: Times, unit: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each day's year or month: how many days have passed, and how many it has."""
    spans = days.astype("datetime64[D]").astype(f"datetime64[{unit}]")
    first, behind = (edge.astype("datetime64[D]").astype(np.int64) for edge in (spans, spans + 1))
    return days - first, behind - first


def _wall_clock(moments: Times, zone: str | None) -> tuple[Times, Times]:
    """What calendars and clocks show, in UTC or a zone: days since 1970-01-01, and whole seconds of the day."""
    seconds = moments // 10**9
    if zone is not None:
        # It takes longer to import than a forecast takes, which may need none of it.
        import polars as pl

        utc = pl.Series(seconds * 1000).cast(pl.Datetime("ms", "UTC"))
        local = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        seconds = local.dt.timestamp("ms").to_numpy() // 1000
    return seconds // _DAY, seconds % _DAY
