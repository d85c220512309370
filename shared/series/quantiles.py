"""Exact quantiles of numbers that come in blocks, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from shared.series.series import Values

Blocks = Callable[[], Iterable[Values]]
"""Gives the numbers anew each time, in blocks of any shape."""
SORTED_AT_ONCE = 1 << 20
_BINS = 4096


def quantiles(blocks: Blocks, shares: Sequence[float], low: float, high: float) -> list[float]:
    """Quantiles of numbers that reach from ``low`` to ``high``, linear between neighbours as numpy's are."""
    found, count = [], sum(values.size for values in blocks())
    for share in shares:
        place = share * (count - 1)
        rank = int(place)
        before = _order_statistic(blocks, rank, count, low, high)
        after = _order_statistic(blocks, rank + 1, count, low, high) if place > rank else before
        found.append(before + (after - before) * (place - rank))
    return found


def _order_statistic(blocks: Blocks, rank: int, count: int, low: float, high: float) -> float:
    """The number that ``rank`` others precede in order: looked for in ever narrower ranges until few are in one."""
    while low < high:
        if count <= SORTED_AT_ONCE:
            few = np.concatenate([values[(values >= low) & (values <= high)] for values in blocks()])
            return float(np.partition(few, rank)[rank])
        counts = np.zeros(_BINS, dtype=np.int64)
        lows, highs = np.full(_BINS, np.inf), np.full(_BINS, -np.inf)
        for values in blocks():
            inside = values[(values >= low) & (values <= high)]
            bins = _bins(inside, low, high)
            counts += np.bincount(bins, minlength=_BINS)
            np.minimum.at(lows, bins, inside)
            np.maximum.at(highs, bins, inside)
        chosen = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
        rank -= int(counts[:chosen].sum())
        count, low, high = int(counts[chosen]), float(lows[chosen]), float(highs[chosen])
    return low


def _bins(values: Values, low: float, high: float) -> NDArray[np.int64]:
    """Which bin each number is in: the extremes in the first and the last, greater numbers never in lower ones."""
    # Quarters, for the difference of two large numbers can overflow.
    width = high / 4 - low / 4
    shares = (values / 4 - low / 4) / width if width > 0 else (values == high).astype(np.float64)
    return np.minimum((shares * _BINS).astype(np.int64), _BINS - 1)
