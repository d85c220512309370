"""Scalers learned from windows that come in blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import numpy as np

from shared.series.columns import Column
from shared.series.configuration_fields import Scale
from shared.series.quantiles import quantiles
from shared.series.scalers import Kind, Scaler
from shared.series.series import Values
from shared.shares import TellShare, nobody

Columns = Callable[[Collection[int]], Iterable[Iterable[tuple[int, Column]]]]
"""Gives block after block of the columns with these places, each with its place."""
_UNSCALED = Scaler("none", 0.0, 1.0, 0.0, 1.0)
_QUARTILES = (0.25, 0.5, 0.75)


class Moments:
    """Count, extremes, mean and sum of squared deviations of numbers that come in pieces.

    Merging follows Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances" (1979).
    """

    def __init__(self) -> None:
        self.count = 0
        self.min, self.max = float("inf"), float("-inf")
        self.mean = self.squares = 0.0

    def widen(self, low: float, high: float) -> None:
        """Take in the extremes of a piece."""
        self.min, self.max = min(self.min, low), max(self.max, high)

    def add(self, values: Values) -> None:
        """Take in the numbers of a piece, not empty."""
        count, mean = self.count + values.size, float(values.mean())
        difference = mean - self.mean
        within = float(((values - mean) ** 2).sum())
        self.squares += within + difference**2 * self.count * values.size / count
        self.mean += difference * values.size / count
        self.count = count


def fit_scalers(
    columns: Columns, scales: Sequence[Scale | None], kind: Kind, *, blocks: int = 1, tell: TellShare = nobody
) -> list[Scaler]:
    """One scaler for each column, from all its samples; a column whose scale is None stays as it is.

    ``blocks``: how many ``columns`` gives, for what is told.
    """
    wanted = {place for place, scale in enumerate(scales) if scale is not None and kind != "none"}
    found = [Moments() for _ in scales]
    # Quantiles are looked for in one column after the other.
    parts = 1 + (len(wanted) if kind == "robust" else 0)
    if wanted:
        for number, block in enumerate(columns(wanted), 1):
            for place, column in block:
                found[place].widen(*column.extremes())
                if kind == "standard":
                    for values in column.steps():
                        found[place].add(values)
            tell(number / blocks / parts)
    scalers = []
    for place, scale in enumerate(scales):
        if scale is None or place not in wanted:
            scalers.append(_UNSCALED)
            continue
        scalers.append(_scaler(kind, scale, found[place], columns, place))
        if kind == "robust":
            tell((1 + sum(other <= place for other in wanted)) / parts)
    return scalers


def _scaler(kind: Kind, scale: Scale, moments: Moments, columns: Columns, place: int) -> Scaler:
    width = moments.max - moments.min
    if kind == "minmax":
        return Scaler("minmax", moments.min, width, scale.min, scale.max)
    if kind == "robust":
        lower, median, upper = quantiles(lambda: _only(columns, place), _QUARTILES, moments.min, moments.max)
        return Scaler("robust", median, upper - lower, 0.0, 1.0)
    # Rounding gives even a constant some deviation, and not quite its own mean.
    constant = width == 0
    deviation = 0.0 if constant else float(np.sqrt(moments.squares / moments.count))
    return Scaler("standard", moments.min if constant else moments.mean, deviation, 0.0, 1.0)


def _only(columns: Columns, place: int) -> Iterator[Values]:
    for block in columns({place}):
        for _, column in block:
            yield from column.steps()
