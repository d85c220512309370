"""Where on the grid of steps a series has values, and which windows that leaves whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.upload.choices.excerpt import Excerpt
from services.upload.choices.steps import Steps
from services.upload.choices.windows import Windows
from shared.series.rows import SeriesRows
from shared.series.sampling import NO_CAUSE, linear, nearest
from shared.series.series import Series, Times, Values

Presence = NDArray[np.bool_]
MOST_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The newest ``MOST_POINTS`` steps at most: their ``numbers`` (m,) from the file's first row, ``moments`` in ns.

    ``rows`` (m,) are the numbers of the last steps that are not after the row at or behind each step.
    """

    numbers: NDArray[np.int64]
    moments: Times
    rows: NDArray[np.int64]
    steps: Steps

    @classmethod
    def over(cls, excerpt: Excerpt, steps: Steps) -> Grid:
        """All steps from the excerpt's first row to its last."""
        start = -(-(int(excerpt.times[0]) - steps.first) // steps.step)
        stop = (excerpt.last - steps.first) // steps.step + 1
        numbers = np.arange(max(start, stop - MOST_POINTS), stop, dtype=np.int64)
        moments = steps.first + numbers * steps.step
        behind = excerpt.times[np.minimum(np.searchsorted(excerpt.times, moments), len(excerpt.times) - 1)]
        return cls(numbers, moments, (behind - steps.first) // steps.step, steps)

    def presence(self, times: Times, values: Values) -> Presence:
        """Whether a window may sample there (m,): as the windows' own rules say (algorithms section 3)."""
        rows = SeriesRows(Series("", times, values))
        if self.steps.method == "nearest":
            found = nearest(rows, self.moments)
        else:
            found = linear(rows, self.moments, self.steps.max_gap)
        assert found.causes is not None
        there: Presence = found.causes == NO_CAUSE
        return there

    def sampled(self, times: Times, values: Values) -> Values:
        """The series on the grid (m,), interpolated; NaN where :meth:`presence` says that there is nothing."""
        known = np.isfinite(values)
        if not known.any() or not len(self.moments):
            return np.full(len(self.moments), np.nan)
        # Relative to the start: float64 cannot hold nanoseconds since the epoch.
        origin = int(times[0])
        values_there = np.interp(
            (self.moments - origin).astype(np.float64), (times[known] - origin).astype(np.float64), values[known]
        )
        return np.where(self.presence(times, values), values_there, np.nan)

    def windows(
        self, inputs: Sequence[Presence], targets: Sequence[Presence], input_steps: int, horizon: int, every: int
    ) -> Windows:
        """Those at every so many steps that have all their samples.

        A window looks at ``input_steps`` steps up to its reference time, and forecasts the ``horizon`` after it.
        """
        last = len(self.numbers) - horizon
        places = np.arange(input_steps - 1, last, dtype=np.int64) if last >= input_steps else np.empty(0, np.int64)
        places = places[self.numbers[places] % every == 0]
        whole = np.ones(len(places), dtype=bool)
        for presence in inputs:
            whole &= _all_between(presence, places + 1 - input_steps, places + 1)
        for presence in targets:
            whole &= _all_between(presence, places + 1, places + 1 + horizon)

        def reads_until(number: int) -> int:
            # Between rows a sample depends on the row behind it.
            return int(self.rows[number - self.numbers[0] + horizon])

        return Windows(self.numbers[places[whole]], reads_until)


def _all_between(presence: Presence, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Presence:
    missing = np.concatenate([[0], np.cumsum(~presence)])
    found: Presence = missing[stops] == missing[starts]
    return found
