"""Calendar features at sample times, in UTC or in a zone's local time (algorithms section 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import holidays
import numpy as np
import polars as pl

from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, HolidayFeature, Horizon, TimeFeature
from shared.series.sampling import Sampled
from shared.series.series import Times, Values
from shared.series.windows import Source, over_windows, sample_offsets

_UTC_PERIODS = {"year": 31_557_600, "month": 2_629_800, "week": 604_800, "day": 86_400}
CYCLES = tuple(_UTC_PERIODS)
_DAY = 86_400


def feature_names(configuration: Configuration) -> list[str]:
    """The columns' names in the order in which they are appended."""
    wanted = configuration.time_features.wanted
    names = [f"{name} {part}" for name in wanted if name in CYCLES for part in ("sine", "cosine")]
    return [*names, "holiday"] if "holiday" in wanted else names


def calendar_sources(configuration: Configuration, count: int) -> list[Source]:
    """Sources of the columns of :func:`feature_names`, of windows of N = ``count`` steps.

    Asking one for windows raises a problem for an unknown country.
    """
    sources = []
    for name, feature in configuration.time_features.wanted.items():
        zone = configuration.timezone if feature.local else None
        if isinstance(feature, HolidayFeature):
            sources.append(_source(feature, count, _holiday_flags(feature, zone)))
        else:
            sources.append(_source(feature, count, _cycle(name, zone)))
    return sources


def _source(feature: TimeFeature, count: int, evaluate: Callable[[Times], Values]) -> Source:
    offsets = np.zeros(count, dtype=np.int64)
    if feature.at == "horizon":
        horizon = Horizon(start_hours=feature.start_hours, end_hours=feature.end_hours)
        offsets = sample_offsets(horizon, count)
    return lambda references: over_windows(lambda at: Sampled(evaluate(at), None), references, offsets)


def _cycle(name: str, zone: str | None) -> Callable[[Times], Values]:
    """Sine and cosine (2, m) of how much of the cycle has passed."""

    def evaluate(moments: Times) -> Values:
        phase = 2 * np.pi * (moments / 1e9 / _UTC_PERIODS[name] if zone is None else _local_share(name, moments, zone))
        return np.stack([np.sin(phase), np.cos(phase)])

    return evaluate


def _local_share(name: str, moments: Times, zone: str) -> Values:
    """Seconds by wall clock since the start of the local year, month, week or day, over that cycle's length."""
    local = _local(moments, zone)
    seconds = (
        local.dt.hour().cast(pl.Float64) * 3600
        + local.dt.minute().cast(pl.Float64) * 60
        + local.dt.second().cast(pl.Float64)
    ).to_numpy()
    days: Values
    length: Values | float
    match name:
        case "year":
            days, length = (
                local.dt.ordinal_day().to_numpy() - 1.0,
                np.where(local.dt.is_leap_year().to_numpy(), 366, 365),
            )
        case "month":
            days, length = local.dt.day().to_numpy() - 1.0, local.dt.days_in_month().to_numpy().astype(np.float64)
        case "week":
            days, length = local.dt.weekday().to_numpy() - 1.0, 7.0
        case _:
            days, length = np.zeros(len(moments)), 1.0
    share: Values = (days * _DAY + seconds) / (length * _DAY)
    return share


def _holiday_flags(feature: HolidayFeature, zone: str | None) -> Callable[[Times], Values]:
    """1 (1, m) on the feature's days, else 0."""

    def evaluate(moments: Times) -> Values:
        days = _local(moments, zone or "UTC").dt.date()
        years = range(days.min().year, days.max().year + 1)  # type: ignore[union-attr]
        known = pl.Series(sorted(_holiday_dates(feature, years)), dtype=pl.Date)
        return days.is_in(known.implode()).cast(pl.Float64).to_numpy()[None]

    return evaluate


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


def _local(moments: Times, zone: str) -> pl.Series:
    """What clocks in the zone show; without the zone, in which an hour a year does not exist."""
    utc = pl.Series(moments).cast(pl.Datetime("ns", "UTC"))
    return utc.dt.convert_time_zone(zone).dt.replace_time_zone(None)
