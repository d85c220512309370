"""Sums over many ranges of one array, each in a number of steps that grows with the logarithm of its length."""

from __future__ import annotations

import numpy as np

from shared.series.series import Times, Values


class RangeSums:
    """A binary tree of sums. Unlike a running sum it cancels nothing: errors stay those of pairwise summation."""

    def __init__(self, values: Values) -> None:
        """``values`` (n,), all of them numbers."""
        self._levels = [values]
        while len(self._levels[-1]) > 1:
            level = self._levels[-1]
            even = level if len(level) % 2 == 0 else np.append(level, 0.0)
            self._levels.append(even[0::2] + even[1::2])

    def over(self, low: Times, high: Times) -> Values:
        """For each range the sum of ``values[low:high]``; 0 for an empty one. Shapes (m,)."""
        low, high = low.copy(), np.maximum(low, high)
        total = np.zeros(len(low))
        for level in self._levels:
            if not (low < high).any():
                break
            # A range that begins on an odd place, or ends behind an even one, takes that place's sum alone.
            from_low = (low < high) & (low % 2 == 1)
            total[from_low] += level[low[from_low]]
            low += from_low
            from_high = (low < high) & (high % 2 == 1)
            high -= from_high
            total[from_high] += level[high[from_high]]
            low //= 2
            high //= 2
        return total
