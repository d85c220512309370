"""Train, validation and test windows, and folds for back-tests (algorithms section 5)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, greatest, sentence
from shared.series.configuration import Split
from shared.series.series import Times

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reach:
    """What windows depend on: ``first_sample`` is the earliest sample's offset in ns from the reference time.

    ``reads_until`` gives for a reference time the latest time in ns that its window depends on; it never falls.
    """

    first_sample: int
    reads_until: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Parts:
    """Indices of the windows of each part, in the order in which they are used; ``embargoed`` are in none."""

    train: Indices
    validation: Indices
    test: Indices
    embargoed: int


@dataclass(frozen=True, slots=True)
class Fold:
    """A back-test: trained on the windows before ``train_stop``, tested on ``test_start`` to ``test_stop - 1``."""

    train_stop: int
    test_start: int
    test_stop: int


def split_windows(references: Times, split: Split, reach: Reach) -> Parts:
    """Cut n windows by fractions, chronologically or after a seeded permutation.

    With the embargo, windows at the end of an earlier part that read anything from the first sample of the later
    part on are left out. A shuffled split has no borders in time, so the embargo does not apply to it.
    """
    count = len(references)
    order = np.random.default_rng(split.seed).permutation(count) if split.shuffle else np.arange(count)
    train_count, validation_count = round(split.train * count), round(split.validation * count)
    train, validation, test = np.split(order.astype(np.int64), [train_count, train_count + validation_count])
    if not split.embargo or split.shuffle:
        return Parts(train, validation, test, 0)
    kept_validation = _before(validation, test, references, reach)
    kept_train = _before(train, kept_validation if len(kept_validation) else test, references, reach)
    dropped = len(train) - len(kept_train) + len(validation) - len(kept_validation)
    return Parts(kept_train, kept_validation, test, dropped)


def rolling_origins(references: Times, split: Split, test_count: int, reach: Reach) -> list[Fold]:
    """The folds that ``split.backtest`` asks for, none if it does not; ``test_count`` windows if it names no number.

    With the embargo, a fold does not train on windows that read anything from its test's first sample on. Raises
    INSUFFICIENT_DATA where a fold would have nothing to train on.
    """
    if split.backtest is None:
        return []
    count, tested = len(references), split.backtest.windows or test_count
    starts = [count - fold * tested for fold in range(split.backtest.folds, 0, -1)]

    def trained_before(start: int) -> int:
        if start <= 0 or not split.embargo:
            return max(start, 0)
        return _count_before(range(start), start, references, reach)

    if trained_before(starts[0]) == 0:
        raise _too_many_folds(split.backtest.folds, tested, count, trained_before)
    return [Fold(trained_before(start), start, start + tested) for start in starts]


def _before(earlier: Indices, later: Indices, references: Times, reach: Reach) -> Indices:
    """Those of the earlier windows that read nothing from the later ones' first sample on."""
    if len(later) == 0:
        return earlier
    return earlier[: _count_before(earlier, int(later[0]), references, reach)]


def _count_before(earlier: Sequence[int] | Indices, first: int, references: Times, reach: Reach) -> int:
    border = int(references[first]) + reach.first_sample
    return bisect_left(earlier, border, key=lambda window: reach.reads_until(int(references[window])))


def _too_many_folds(folds: int, tested: int, count: int, trained_before: Callable[[int], int]) -> ProblemError:
    """With how many folds, and with how many windows in each, there would be something to train on."""
    fewer = greatest(1, folds, lambda some: trained_before(count - some * tested) > 0)
    smaller = greatest(1, tested, lambda some: trained_before(count - folds * some) > 0)
    ways: list[Remedy] = []
    if fewer is not None:
        ways.append([Setting("split.backtest.folds", folds, fewer)])
    if smaller is not None:
        ways.append([Setting("split.backtest.windows", tested, smaller)])
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data for so many back-tests",
        detail=f"split.backtest: {folds} folds of {tested} windows leave the first of them nothing to train on, "
        f"for there are {count} windows.",
        recovery=[*(sentence(way) for way in ways), "Or leave out split.backtest, or upload a longer period."],
        technical_details={"windows": count, "folds": folds, "tested": tested, "changes": described(ways)},
    )
