"""Scalers learned from windows that come in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.series.configuration_fields import Scale
from shared.series.scalers import Kind, Scaler
from shared.series.series import Values

_UNSCALED = Scaler("none", 0.0, 1.0, 0.0, 1.0)


class Moments:
    """Count, extremes, mean and sum of squared deviations of numbers that come in pieces.

    Merging follows Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances" (1979).
    """

    def __init__(self) -> None:
        self.count = 0
        self.min, self.max = float("inf"), float("-inf")
        self.mean = self.squares = 0.0

    def add(self, values: Values) -> None:
        """Take in a piece of any shape."""
        if values.size == 0:
            return
        self.min, self.max = min(self.min, float(values.min())), max(self.max, float(values.max()))
        mean, count = float(values.mean()), self.count + values.size
        difference = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + difference**2 * self.count * values.size / count
        self.mean += difference * values.size / count
        self.count = count


def fit_scalers(blocks: Iterable[Iterable[Values]], scales: Sequence[Scale | None], kind: Kind) -> list[Scaler]:
    """One scaler for each column, from all its samples in the blocks fitted on; each block has every column."""
    found = [Moments() for _ in scales]
    wanted = [scale is not None and kind != "none" for scale in scales]
    if any(wanted):
        for block in blocks:
            for moments, values, is_wanted in zip(found, block, wanted, strict=True):
                if is_wanted:
                    moments.add(values)
    return [_scaler(moments, scale, kind) for moments, scale in zip(found, scales, strict=True)]


def _scaler(moments: Moments, scale: Scale | None, kind: Kind) -> Scaler:
    if scale is None or kind == "none" or moments.count == 0:
        return _UNSCALED
    width = moments.max - moments.min
    if kind == "standard":
        # Rounding gives even a constant some deviation.
        deviation = (moments.squares / moments.count) ** 0.5 if width else 0.0
        return Scaler("standard", moments.mean, deviation, 0.0, 1.0)
    return Scaler("minmax", moments.min, width, scale.min, scale.max)
