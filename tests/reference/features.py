"""Calendar features the slow, readable way, straight from the page of algorithms (section 4)."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import holidays

UTC_PERIODS = {"year": 31_557_600, "month": 2_629_800, "week": 604_800, "day": 86_400}
SampleTimes = Callable[[int, float, float, int], list[int]]


def feature_columns(document: dict[str, Any], t: int, count: int, sample_times: SampleTimes) -> list[list[float]]:
    """The window's columns of N values each: year, month, week, day (sine, cosine), holiday."""
    columns: list[list[float]] = []
    for name, settings in document["time_features"].items():
        if settings is None:
            continue
        times = [t] * count
        if settings["at"] == "horizon":
            times = sample_times(t, settings["start_hours"], settings["end_hours"], count)
        zone = ZoneInfo(document["timezone"]) if settings["local"] else None
        if name == "holiday":
            columns += day_columns(settings, [day_of(time, zone) for time in times])
        else:
            phases = [2 * math.pi * share(name, time, zone) for time in times]
            columns += [[math.sin(phase) for phase in phases], [math.cos(phase) for phase in phases]]
    return columns


def share(name: str, time: int, zone: tzinfo | None) -> float:
    """s / P."""
    if zone is None:
        return time / 1e9 / UTC_PERIODS[name]
    local = moment(time, zone)
    of_day = local.hour * 3600 + local.minute * 60 + local.second
    if name == "year":
        days = 366 if calendar.isleap(local.year) else 365
        return ((local.timetuple().tm_yday - 1) * 86_400 + of_day) / (days * 86_400)
    if name == "month":
        days = calendar.monthrange(local.year, local.month)[1]
        return ((local.day - 1) * 86_400 + of_day) / (days * 86_400)
    if name == "week":
        return (local.weekday() * 86_400 + of_day) / 604_800
    return of_day / 86_400


def moment(time: int, zone: tzinfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time // 10**9)).astimezone(zone)


def day_of(time: int, zone: tzinfo | None) -> date:
    return moment(time, zone or UTC).date()


def day_columns(settings: dict[str, Any], days: list[date]) -> list[list[float]]:
    columns = []
    one_day = timedelta(days=1)
    if settings["country"] is not None or settings["dates"] is not None:
        columns.append([is_holiday(settings, day) for day in days])
    if settings["day_before"]:
        columns.append([is_holiday(settings, day + one_day) for day in days])
    if settings["day_after"]:
        columns.append([is_holiday(settings, day - one_day) for day in days])
    columns += [[day.isoformat() in own for day in days] for own in settings["lists"].values()]
    return [[1.0 if flag else 0.0 for flag in column] for column in columns]


def is_holiday(settings: dict[str, Any], day: date) -> bool:
    if settings["dates"] is not None:
        return day.isoformat() in settings["dates"]
    return day in holidays.country_holidays(settings["country"], subdiv=settings["subdivision"], years=day.year)
