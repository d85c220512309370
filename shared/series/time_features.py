"""Calendar features at sample times, in UTC or in a zone's local time (algorithms section 4)."""

from __future__ import annotations

from datetime import date

import holidays
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, HolidayFeature, Horizon, TimeFeature
from shared.series.series import Times, Values
from shared.series.windows import sample_offsets

_UTC_PERIODS = {"year": 31_557_600, "month": 2_629_800, "week": 604_800, "day": 86_400}
CYCLES = tuple(_UTC_PERIODS)
_DAY = 86_400


def feature_names(configuration: Configuration) -> list[str]:
    """The columns' names in the order in which they are appended."""
    names = [f"{cycle} {part}" for cycle in CYCLES if _of(configuration, cycle) for part in ("sine", "cosine")]
    return [*names, "holiday"] if configuration.time_features.holiday else names


def time_features(configuration: Configuration, references: Times, count: int) -> list[Values]:
    """One (n, N) array for each column of :func:`feature_names`. Raises a problem for an unknown country."""
    columns: list[Values] = []
    for cycle in CYCLES:
        feature = _of(configuration, cycle)
        if feature is not None:
            samples = _samples(feature, references, count)
            phase = 2 * np.pi * _share(cycle, samples, configuration.timezone if feature.local else None)
            columns += [np.sin(phase), np.cos(phase)]
    holiday = configuration.time_features.holiday
    if holiday is not None:
        zone = configuration.timezone if holiday.local else None
        columns.append(_holidays(holiday, _samples(holiday, references, count), zone))
    return columns


def _of(configuration: Configuration, cycle: str) -> TimeFeature | None:
    feature: TimeFeature | None = getattr(configuration.time_features, cycle)
    return feature


def _samples(feature: TimeFeature, references: Times, count: int) -> Times:
    if feature.at == "reference":
        return np.repeat(references[:, None], count, axis=1)
    horizon = Horizon(start_hours=feature.start_hours, end_hours=feature.end_hours)
    return references[:, None] + sample_offsets(horizon, count)[None, :]


def _share(cycle: str, samples: Times, zone: str | None) -> Values:
    """How much of its cycle has passed at each time, 0 to 1 (in UTC: and on beyond 1)."""
    if zone is None:
        return samples / 1e9 / _UTC_PERIODS[cycle]
    # Every distinct time once: windows overlap.
    distinct, places = np.unique(samples, return_inverse=True)
    local = _local(distinct, zone)
    seconds = (
        local.dt.hour().cast(pl.Float64) * 3600
        + local.dt.minute().cast(pl.Float64) * 60
        + local.dt.second().cast(pl.Float64)
        + local.dt.nanosecond().cast(pl.Float64) / 1e9
    ).to_numpy()
    shares = _local_share(cycle, local, seconds)
    return shares[places].reshape(samples.shape)


def _local_share(cycle: str, local: pl.Series, seconds: Values) -> Values:
    """Seconds by wall clock since the start of the local year, month, week or day, over that cycle's length."""
    match cycle:
        case "year":
            leap = local.dt.is_leap_year().to_numpy()
            return ((local.dt.ordinal_day().to_numpy() - 1.0) * _DAY + seconds) / np.where(leap, 366, 365) / _DAY
        case "month":
            length = local.dt.month_end().dt.day().to_numpy() * float(_DAY)
            return ((local.dt.day().to_numpy() - 1.0) * _DAY + seconds) / length
        case "week":
            return ((local.dt.weekday().to_numpy() - 1.0) * _DAY + seconds) / (7 * _DAY)
        case _:
            return seconds / _DAY


def _holidays(feature: HolidayFeature, samples: Times, zone: str | None) -> Values:
    distinct, places = np.unique(samples, return_inverse=True)
    days = _local(distinct, zone or "UTC").dt.date()
    years = range(days.min().year, days.max().year + 1) if len(days) else range(0)  # type: ignore[union-attr]
    known = _holiday_dates(feature, years)
    is_holiday: NDArray[np.bool_] = days.is_in(sorted(known)).to_numpy()
    return is_holiday.astype(np.float64)[places].reshape(samples.shape)


def _holiday_dates(feature: HolidayFeature, years: range) -> set[date]:
    if feature.dates is not None:
        return set(feature.dates)
    try:
        return set(holidays.country_holidays(str(feature.country), subdiv=feature.subdivision, years=years))
    except NotImplementedError as error:
        raise _bad_holidays(f"time_features.holiday: {error}") from error


def _bad_holidays(detail: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The holidays are not known",
        detail=detail,
        recovery=[
            "Give an ISO 3166 country code such as AT, and its subdivision if any.",
            "Or give dates instead.",
        ],
    )


def _local(times: Times, zone: str) -> pl.Series:
    return pl.Series(times).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(zone)
