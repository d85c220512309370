"""Train, validation and test windows (algorithms section 5)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.series.configuration import Split
from shared.series.series import Times

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Indices of the windows of each part, in the order in which they are used; ``embargoed`` are in none."""

    train: Indices
    validation: Indices
    test: Indices
    embargoed: int


def split_windows(references: Times, split: Split, first_sample: int, reads_until: Callable[[int], int]) -> Parts:
    """Cut n windows by fractions, chronologically or after a seeded permutation.

    With the embargo, windows at the end of an earlier part that read anything from the first sample of the later
    part on are left out: ``first_sample`` is that sample's offset in ns from its reference time, ``reads_until`` gives
    for a reference time the latest time in ns that its window depends on, and never falls. A shuffled split has no
    borders in time, so the embargo does not apply to it.
    """
    count = len(references)
    order = np.random.default_rng(split.seed).permutation(count) if split.shuffle else np.arange(count)
    train_count, validation_count = round(split.train * count), round(split.validation * count)
    train, validation, test = np.split(order.astype(np.int64), [train_count, train_count + validation_count])
    if not split.embargo or split.shuffle:
        return Parts(train, validation, test, 0)

    def before(earlier: Indices, later: Indices) -> Indices:
        if len(later) == 0:
            return earlier
        border = int(references[later[0]]) + first_sample
        return earlier[: bisect_left(earlier, border, key=lambda window: reads_until(int(references[window])))]

    kept_validation = before(validation, test)
    kept_train = before(train, kept_validation if len(kept_validation) else test)
    dropped = len(train) - len(kept_train) + len(validation) - len(kept_validation)
    return Parts(kept_train, kept_validation, test, dropped)


def rolling_origins(count: int, folds: int, test_count: int) -> Iterator[tuple[Indices, Indices]]:
    """Back-test splits of n windows in time order: each fold trains on all before its ``test_count`` windows.

    Raises ValueError when there are too few windows for that many folds.
    """
    first = count - folds * test_count
    if first < 1:
        raise ValueError(f"{folds} folds of {test_count} windows need more than {count} windows")
    for start in range(first, count, test_count):
        yield np.arange(start, dtype=np.int64), np.arange(start, start + test_count, dtype=np.int64)
