"""The value of a series at a moment, by each method, and why there may be none (algorithms section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.series.rows import Rows
from shared.series.series import Times, Values

Causes = NDArray[np.int8]
NO_CAUSE = np.int8(127)
"""Greater than every cause, so that the smallest of several counts."""


class Drop(IntEnum):
    """Why a window is dropped; of several causes in one series the smallest number counts."""

    BEFORE = 1
    AFTER = 2
    GAP = 3
    NOT_A_NUMBER = 4
    EMPTY_AVERAGE = 5
    NOT_YET_ISSUED = 6


@dataclass(frozen=True, slots=True)
class Sampled:
    """``values`` (columns, …, m) and, for each of the m, why it must be dropped or ``NO_CAUSE``, (m,).

    Without causes all are there.
    """

    values: Values
    causes: Causes | None


def linear(rows: Rows, moments: Times, max_gap: int | None) -> Sampled:
    """The value at the exact time, else between the rows before and after, at most ``max_gap`` ns apart."""
    after = np.minimum(rows.at_or_after(moments), rows.high - 1)
    exact = rows.times[after] == moments
    before = np.where(exact, after, np.maximum(after - 1, rows.low))
    start, here = rows.times[before], rows.values[before]
    width = rows.times[after] - start
    share = np.divide(moments - start, width, out=np.zeros(len(moments)), where=width > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        found = here + (rows.values[after] - here) * share
    # An exact hit counts whatever is beside it.
    np.copyto(found, here, where=exact)
    causes = _outside(rows, moments)
    if max_gap is not None:
        _blame(causes, Drop.GAP, width > max_gap)
    _blame(causes, Drop.NOT_A_NUMBER, ~np.isfinite(found))
    return Sampled(found[None], causes)


def nearest(rows: Rows, moments: Times) -> Sampled:
    """The nearest row; of two equally near the earlier."""
    after = np.minimum(rows.at_or_after(moments), rows.high - 1)
    before = np.maximum(after - 1, rows.low)
    is_before = (rows.times[after] != moments) & (moments - rows.times[before] <= rows.times[after] - moments)
    found = rows.values[np.where(is_before, before, after)]
    causes = _outside(rows, moments)
    _blame(causes, Drop.NOT_A_NUMBER, ~np.isfinite(found))
    return Sampled(found[None], causes)


def last_known(rows: Rows, moments: Times) -> Sampled:
    """The last value at or before each moment."""
    last = rows.at_or_after(moments + 1) - 1
    found = rows.values[np.maximum(last, rows.low)]
    causes = _causes(moments, Drop.BEFORE, last < rows.low)
    _blame(causes, Drop.NOT_A_NUMBER, ~np.isfinite(found))
    return Sampled(found[None], causes)


def step_mean(rows: Rows, moments: Times, interval: tuple[int, int]) -> Sampled:
    """The mean of the rows in the interval (ns, half open) about each moment, which lies within the series."""
    found = rows.means(moments + interval[0], moments + interval[1])
    causes = _outside(rows, moments)
    _blame(causes, Drop.EMPTY_AVERAGE, ~np.isfinite(found))
    return Sampled(found[None], causes)


def average(rows: Rows, starts: Times, width: int) -> Sampled:
    """The mean of the rows with start <= time < start + width (ns), an interval that the series must cover."""
    found = rows.means(starts, starts + width)
    causes = _causes(starts, Drop.BEFORE, starts < rows.times[rows.low])
    _blame(causes, Drop.AFTER, starts + width > rows.times[rows.high - 1])
    _blame(causes, Drop.EMPTY_AVERAGE, ~np.isfinite(found))
    return Sampled(found[None], causes)


def _outside(rows: Rows, moments: Times) -> Causes:
    causes = _causes(moments, Drop.BEFORE, moments < rows.times[rows.low])
    _blame(causes, Drop.AFTER, moments > rows.times[rows.high - 1])
    return causes


def _causes(moments: Times, cause: Drop, applies: NDArray[np.bool_]) -> Causes:
    causes = np.full(len(moments), NO_CAUSE)
    _blame(causes, cause, applies)
    return causes


def _blame(causes: Causes, cause: Drop, applies: NDArray[np.bool_]) -> None:
    """Note a cause; of several the smallest stays."""
    np.minimum(causes, np.int8(cause), out=causes, where=applies)
