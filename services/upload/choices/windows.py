"""The windows that some lengths give, and how many of them each part of a split keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.configuration import Split
from shared.series.splits import Reach, rolling_origins, split_windows

_LEAST_TRAIN, _LEAST_OTHER = 20, 4
_MOST_WINDOWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Lengths:
    """Steps of a window, and the shares of the windows."""

    input: int
    horizon: int
    split: Split


@dataclass(frozen=True, slots=True)
class Windows:
    """Those that have all their samples, by the ``numbers`` (n,) of the steps of their reference times.

    ``reads_until`` gives for such a number that of the last step that its window depends on.
    """

    numbers: NDArray[np.int64]
    reads_until: Callable[[int], int]

    @classmethod
    def in_a_row(cls, count: int, lengths: Lengths) -> Windows:
        """As many as a series without gaps gives, whose rows lie on the steps."""
        return cls(np.arange(count, dtype=np.int64), lambda number: number + lengths.horizon)

    def suffice(self, lengths: Lengths) -> bool:
        """Whether every part, and every fold, keeps some to work with; those left out at borders are not counted."""
        split = lengths.split
        reach = Reach(-(lengths.input - 1), self.reads_until)
        parts = split_windows(self.numbers, split, reach)
        wanted = _LEAST_OTHER if split.validation > 0 else 0
        if len(parts.train) < _LEAST_TRAIN or len(parts.validation) < wanted or len(parts.test) < _LEAST_OTHER:
            return False
        try:
            rolling_origins(self.numbers, split, len(parts.test), reach)
        except ProblemError as error:
            if error.problem.category is not Category.INSUFFICIENT_DATA:
                raise
            return False
        return True


def steps_needed(lengths: Lengths) -> int | None:
    """How many steps in a row are enough; None where even ``_MOST_WINDOWS`` windows are not."""
    too_few, sufficient = 0, 64
    while not Windows.in_a_row(sufficient, lengths).suffice(lengths):
        too_few, sufficient = sufficient, 2 * sufficient
        if sufficient > _MOST_WINDOWS:
            return None
    while sufficient - too_few > 1:
        middle = (too_few + sufficient) // 2
        if Windows.in_a_row(middle, lengths).suffice(lengths):
            sufficient = middle
        else:
            too_few = middle
    return sufficient + lengths.input + lengths.horizon - 1
