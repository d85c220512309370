"""The synthetic series of the tests: hourly load that follows the clock, the week, the temperature and holidays.

Written once and seeded: the same seed gives the same numbers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import holidays
import numpy as np

from shared.series.series import NANOSECONDS_PER_HOUR, Series, Times, Values

START = datetime(2022, 1, 1)
DAYS = 400


def load_and_temperature(seed: int = 0, days: int = DAYS) -> tuple[Series, Series]:
    """Load (kW) and temperature (degrees Celsius), hourly.

    load = 50 + 20 sin(2 pi h / 24) + 10 sin(2 pi h / 168) - 0.8 temperature - 15 on holidays + AR(1), phi 0.7,
    innovations of standard deviation 2; temperature has a yearly and a daily cycle and an AR(1) of its own.
    """
    random = np.random.default_rng(seed)
    hours = np.arange(days * 24, dtype=np.float64)
    temperature = (
        10
        - 10 * np.cos(2 * np.pi * hours / (365.25 * 24))
        - 4 * np.cos(2 * np.pi * (hours - 3) / 24)
        + _autoregressive(random, len(hours), phi=0.9, sigma=1.0)
    )
    load = (
        50
        + 20 * np.sin(2 * np.pi * hours / 24)
        + 10 * np.sin(2 * np.pi * hours / 168)
        - 0.8 * temperature
        - 15 * _on_holiday(days)
        + _autoregressive(random, len(hours), phi=0.7, sigma=2.0)
    )
    return Series("load", _hourly(len(hours)), load), Series("temperature", _hourly(len(hours)), temperature)


def white_noise(seed: int = 0, days: int = DAYS) -> Series:
    """Hourly values that nothing can forecast: independent, standard normal, around 100."""
    values = 100 + np.random.default_rng(seed).standard_normal(days * 24)
    return Series("noise", _hourly(len(values)), values)


def load_configuration() -> dict[str, Any]:
    """Load and temperature of the last 24 h and temperature of the next 24 h, to the load of the next 24 h."""
    past, future = {"start_hours": -23, "end_hours": 0}, {"start_hours": 1, "end_hours": 24}
    return {
        "series": [
            {"file": "load", "role": "input", "name": "load", "horizon": past},
            {"file": "temperature", "role": "input", "name": "temperature", "horizon": past},
            {"file": "temperature", "role": "input", "name": "temperature ahead", "horizon": future},
            {"file": "load", "role": "output", "name": "load", "unit": "kW", "horizon": future},
        ],
        "time_steps": {"input": 24, "output": 24, "step_minutes": 60},
        "season_hours": 24,
    }


def noise_configuration() -> dict[str, Any]:
    """The last 24 h of noise to its next 24 h."""
    return {
        "series": [
            {"file": "noise", "role": "input", "name": "noise", "horizon": {"start_hours": -23, "end_hours": 0}},
            {"file": "noise", "role": "output", "name": "noise", "horizon": {"start_hours": 1, "end_hours": 24}},
        ],
        "time_steps": {"input": 24, "output": 24, "step_minutes": 60},
        "season_hours": 24,
    }


def _autoregressive(random: np.random.Generator, count: int, *, phi: float, sigma: float) -> Values:
    innovations = random.normal(0.0, sigma, count)
    values = np.empty(count)
    last = 0.0
    for place, innovation in enumerate(innovations):
        last = phi * last + innovation
        values[place] = last
    return values


def _hourly(count: int) -> Times:
    start = int(np.datetime64(START, "ns").astype(np.int64))
    return start + np.arange(count, dtype=np.int64) * NANOSECONDS_PER_HOUR


def _on_holiday(days: int) -> Values:
    calendar = holidays.country_holidays("AT")
    flags = [(START + timedelta(days=day)).date() in calendar for day in range(days)]
    return np.repeat(np.array(flags, dtype=np.float64), 24)
