"""Sums over many ranges of one array, each in a number of steps that grows with the logarithm of its length."""

from __future__ import annotations

import numpy as np

from shared.series.series import Times, Values


class RangeSums:
    """Each sum is made of the range's own values in an order that its length alone decides.

    So the same rows give the same mean to the last bit, in a whole file and in the few rows that a forecast is asked
    with. Unlike a running sum it cancels nothing: errors stay those of pairwise summation.
    """

    def __init__(self, values: Values) -> None:
        """``values`` (n,), all of them numbers."""
        self._values = values

    def over(self, low: Times, high: Times) -> Values:
        """For each range the sum of ``values[low:high]``; 0 for an empty one. Shapes (m,)."""
        total, left = np.zeros(len(low)), np.maximum(high - low, 0)
        some = left > 0
        if not some.any():
            return total
        first = int(low[some].min())
        at = np.where(some, low - first, 0)
        # The sums of ``width`` values from each place on; a range takes those that its length is made of.
        sums, width = self._values[first : int(high[some].max())], 1
        while True:
            taken = left % 2 == 1
            total[taken] += sums[at[taken]]
            at[taken] += width
            left //= 2
            if not left.any():
                return total
            sums = sums[:-width] + sums[width:]
            width *= 2
