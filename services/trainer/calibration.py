"""Quantile forecasts for any model: its errors on the validation part, kept up to date by what came since.

Split conformal prediction for each step of the horizon (Lei et al. 2018) says how far off a forecast may be. Series
drift, so the share that is left outside adapts to the outcomes that are known by then (adaptive conformal inference,
Gibbs and Candès 2021). Nothing that lies after a window's reference time is used for that window, where windows are in
the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.series.probabilistic import QUANTILES

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_PAIRS = len(QUANTILES) // 2
_OUTSIDE = np.array([2 * share for share in QUANTILES[:_PAIRS]])
"""For each interval the share of truths that may lie outside."""
FEWEST_WINDOWS = int(np.ceil(2 / _OUTSIDE.min())) - 1
"""With fewer errors the widest interval would need one larger than all that are known."""
_STEP_SIZE = 0.005
"""How fast the share outside adapts to one outcome; the paper's own value."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Forecasts and truths (n, O) in original units, and for each the time in ns (n, O) at which it is known."""

    reference_times: Times
    known_at: Times
    forecast: Values
    truth: Values

    def known_before(self, moment: int) -> Outcomes:
        """The windows all of whose outcomes are known at ``moment`` (ns)."""
        known = self.known_at.max(axis=1, initial=moment) <= moment
        return Outcomes(self.reference_times[known], self.known_at[known], self.forecast[known], self.truth[known])


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Quantile forecasts (n, O, len(QUANTILES)) of the test part, in original units, never falling along the last axis.

    ``offsets`` (O, len(QUANTILES)): what a next forecast would have added to it.
    """

    quantiles: Values
    offsets: Values


def calibrate(validation: Outcomes, test: Outcomes, *, adapt: bool) -> Calibrated:
    """Quantile forecasts for the test part; ``validation`` has at least :data:`FEWEST_WINDOWS` windows.

    ``adapt``: follow the outcomes of earlier test windows; makes sense only where windows are in the order of time.
    """
    errors = np.sort(validation.truth - validation.forecast, axis=0)
    middle = np.median(errors, axis=0)[None, :]
    follower = _Follower(test)
    offsets = _offsets(errors, middle, follower.outside)
    found = np.empty((*test.forecast.shape, len(QUANTILES)))
    for window, now in enumerate(test.reference_times):
        if adapt and follower.learn(found[:window], int(now)):
            offsets = _offsets(errors, middle, follower.outside)
        found[window] = test.forecast[window][:, None] + offsets
    return Calibrated(found, offsets)


def _offsets(errors: Values, middle: Values, outside: Values) -> Values:
    """(O, len(QUANTILES)): bounds among sorted errors (n, O) that leave the shares ``outside`` (O, pairs) beyond."""
    count, steps = errors.shape
    rank = np.ceil((count + 1) * (1 - outside.T / 2)).astype(np.int64).clip(1, count)
    every_step = np.arange(steps)
    offsets = np.concatenate([errors[count - rank, every_step], middle, errors[rank[::-1] - 1, every_step]])
    # Intervals adapt one by one and may cross; sorting never makes them worse (Chernozhukov et al. 2010).
    offsets.sort(axis=0)
    return offsets.T


class _Follower:
    """The shares left outside (O, pairs), moved by every outcome in the order in which it becomes known."""

    def __init__(self, test: Outcomes) -> None:
        self._test = test
        steps = test.truth.shape[1]
        self.outside = np.tile(_OUTSIDE, (steps, 1))
        self._next = np.zeros(steps, dtype=np.int64)
        """For each step the first window whose outcome was not yet learned from."""

    def learn(self, told: Values, now: int) -> bool:
        """Take in the outcomes of what was ``told`` (windows so far, O, quantiles) that are known at ``now`` (ns)."""
        test, every_step, learned = self._test, np.arange(len(self._next)), False
        while len(told):
            waiting = np.minimum(self._next, len(told) - 1)
            ready = (self._next < len(told)) & (test.known_at[waiting, every_step] <= now)
            if not ready.any():
                break
            steps, windows = every_step[ready], waiting[ready]
            quantiles, truth = told[windows, steps], test.truth[windows, steps][:, None]
            missed = (truth < quantiles[:, :_PAIRS]) | (truth > quantiles[:, : -_PAIRS - 1 : -1])
            moved = self.outside[steps] + _STEP_SIZE * (_OUTSIDE - missed)
            # Beyond these no interval changes any more: a long drift would be remembered as long afterwards.
            self.outside[steps] = moved.clip(0.0, 1.0)
            self._next[steps] += 1
            learned = True
        return learned
