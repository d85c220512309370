"""Columns of windows that overlap, without a copy for each window.

The sample times of many windows lie on a few regular grids, one for each remainder of the offsets by the references'
step. Values are found once on those grids; a step of all windows is a slice of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.series.references import References
from shared.series.sampling import NO_CAUSE, Causes, Sampled
from shared.series.series import Times, Values


@dataclass(frozen=True, slots=True)
class Column:
    """One column of n windows of N steps.

    ``slices`` has, for each step, which of the ``grids`` its values are in and where they begin there. ``chosen``
    picks windows by their indices; None takes all ``count`` of them.
    """

    grids: list[Values]
    slices: list[tuple[int, int]]
    count: int
    chosen: NDArray[np.int64] | None = None

    def steps(self) -> list[Values]:
        """The values of each step in all windows: N arrays (n,)."""
        found = [self.grids[grid][start : start + self.count] for grid, start in self.slices]
        return found if self.chosen is None else [values[self.chosen] for values in found]

    def extremes(self) -> tuple[float, float]:
        """The least and the greatest value in any window."""
        pieces = self.grids if self.chosen is None else self.steps()
        return min(float(piece.min()) for piece in pieces), max(float(piece.max()) for piece in pieces)

    def mapped(self, change: Callable[[Values], Values]) -> Column:
        """The column with every value changed."""
        return replace(self, grids=[change(grid) for grid in self.grids])

    def of(self, chosen: NDArray[np.bool_]) -> Column:
        """Of the windows (count,) those that are chosen."""
        return self if chosen.all() else replace(self, chosen=np.flatnonzero(chosen))


@dataclass(frozen=True, slots=True)
class Windows:
    """``columns`` of n windows and why each of them must be dropped or ``NO_CAUSE``, (n,); None if all are there."""

    columns: list[Column]
    causes: Causes | None


Source = Callable[[References], Windows]
"""Makes one or more columns of the windows at these references."""


def over_windows(
    evaluate: Callable[[Times], Sampled], references: References, offsets: Times, repeated: int = 1
) -> Windows:
    """What ``evaluate`` gives at reference + offset, for all n references and the N offsets.

    ``evaluate`` is asked for regular, rising times, which it finds each once. The steps are
    ``repeated`` so many times, where one value stands for all.
    """
    found: list[Values] = []
    slices = [(0, 0)] * len(offsets)
    causes: Causes | None = None
    for number, (places, grid) in enumerate(_grids(references, offsets)):
        sampled = evaluate(grid.times())
        found.append(sampled.values)
        blamed = None if sampled.causes is None or (sampled.causes == NO_CAUSE).all() else sampled.causes
        starts = (offsets[places] - offsets[places[0]]) // references.step
        for place, start in zip(places.tolist(), starts.tolist(), strict=True):
            slices[place] = (number, start)
            if blamed is not None:
                window = blamed[start : start + references.count]
                causes = window.copy() if causes is None else np.minimum(causes, window)
    slices *= repeated
    width = len(found[0])
    return Windows([Column([values[c] for values in found], slices, references.count) for c in range(width)], causes)


def from_rows(values: Values, causes: Causes, count: int) -> Windows:
    """One column from its steps (N, n) as they are, or from one step that is repeated ``count`` times."""
    slices = [(place, 0) for place in range(len(values))] * (count // len(values))
    return Windows([Column(list(values), slices, values.shape[1])], causes)


def _grids(references: References, offsets: Times) -> Iterator[tuple[NDArray[np.int64], References]]:
    """The places of offsets that share a grid, the lowest first, and that grid."""
    shifts, remainders = np.divmod(offsets, references.step)
    order = np.lexsort((shifts, remainders))
    # Offsets further apart than the references reach would share nothing but what is between them.
    apart = (np.diff(remainders[order]) != 0) | (np.diff(shifts[order]) > references.count)
    for places in np.split(order, np.flatnonzero(apart) + 1):
        first, last = int(offsets[places[0]]), int(offsets[places[-1]])
        reach = (last - first) // references.step
        yield places, References(references.first + first, references.step, references.count + reach)
