"""What a model has to beat. Baselines know a target's own rows up to the reference time, and nothing later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.series.artifact import TargetHistory
from shared.series.series import NANOSECONDS_PER_MINUTE

Values = NDArray[np.float64]
Times = NDArray[np.int64]


def value_known_at(history: TargetHistory, moments: Times, known_until: Times) -> Values:
    """The series' value at each moment, interpolated between rows that are both at or before ``known_until``.

    Where the row after a moment was not known yet, the row before it counts; NaN before the first row.
    """
    numeric = np.isfinite(history.values)
    times, values = history.times[numeric], history.values[numeric]
    if len(times) == 0:
        return np.full(moments.shape, np.nan)
    left = np.searchsorted(times, moments, side="right") - 1
    right = np.minimum(left + 1, len(times) - 1)
    safe = np.clip(left, 0, None)
    between = (left >= 0) & (times[right] <= known_until) & (times[right] > times[safe])
    width = np.where(between, times[right] - times[safe], 1)
    share = np.where(between, (moments - times[safe]) / width, 0.0)
    found = values[safe] + (values[right] - values[safe]) * share
    return np.where(left >= 0, found, np.nan)


def last_value(history: TargetHistory, references: Times, moments: Times) -> Values:
    """(n, O): the value at the reference time, for every step."""
    known = value_known_at(history, references, references)
    return np.repeat(known[:, None], moments.shape[1], axis=1)


def seasonal_naive(history: TargetHistory, references: Times, moments: Times) -> Values:
    """(n, O): the value as many whole seasons earlier as are needed to be known at the reference time."""
    season = round(history.season_steps * history.step_minutes * NANOSECONDS_PER_MINUTE)
    ahead = np.clip(moments - references[:, None], 0, None)
    seasons = -(-ahead // season)
    until = np.repeat(references[:, None], moments.shape[1], axis=1)
    return value_known_at(history, moments - seasons * season, until)


def training_mean(training_targets: Values, count: int) -> Values:
    """(count, O): the mean of the training windows' truths (n, O), for every step."""
    return np.full((count, training_targets.shape[1]), training_targets.mean())
