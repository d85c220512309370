"""Small series and documents that the tests of the numbers vary."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from shared.series.series import NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE, Series

START = int(np.datetime64("2024-01-01T00:00", "ns").astype(np.int64))
HOUR, MINUTE = NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE


def hourly(hours: int, *, seed: int = 0, start: int = START, name: str = "load") -> Series:
    """A daily cycle with noise, one value every hour."""
    noise = np.random.default_rng(seed).normal(0, 1, hours)
    times = start + np.arange(hours, dtype=np.int64) * HOUR
    return Series(name, times, 50 + 10 * np.sin(np.arange(hours) * np.pi / 12) + noise)


def document(**changes: Any) -> dict[str, Any]:
    """The last six hours of ``load`` and ``temperature`` to the next three of ``load``; then what is changed."""
    base: dict[str, Any] = {
        "series": [
            {"file": "load", "role": "input", "name": "load", "horizon": {"start_hours": -6, "end_hours": 0}},
            {"file": "temperature", "role": "input", "name": "temp", "horizon": {"start_hours": -6, "end_hours": 0}},
            {"file": "load", "role": "output", "name": "next", "horizon": {"start_hours": 1, "end_hours": 3}},
        ],
        "time_steps": {"input": 7, "output": 3, "step_minutes": 60},
        "season_hours": 24,
    }
    return {**copy.deepcopy(base), **changes}


def changed(path: str, value: Any, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """The document with one value changed: ``changed("series.0.average", True)``."""
    new = copy.deepcopy(base or document())
    *parents, last = path.split(".")
    place: Any = new
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
    place[int(last) if isinstance(place, list) else last] = value
    return new


def as_rows(series: Series) -> list[tuple[Any, ...]]:
    """The series as the slow reference takes it."""
    columns = [series.times.tolist(), series.values.tolist()]
    return list(zip(*([] if series.issues is None else [series.issues.tolist()]), *columns, strict=True))
