"""How the values of a dataset are distributed: exact counts, and statistics of a bounded sample (lesson F74)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series.dataset import Dataset
from shared.series.maker import Side
from shared.series.series import Values

SAMPLED = 20_000
_SAMPLED_IN_ALL = 4_000_000
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 40


@dataclass(frozen=True, slots=True)
class Distribution:
    """One feature: ``values`` (m,) are those sampled of its ``count``, in original units."""

    feature: str
    unit: str | None
    count: int
    values: Values

    def describe(self) -> dict[str, Any]:
        """Statistics and a histogram, JSON-able; of what was sampled, which may be everything."""
        values = self.values
        counts, edges = np.histogram(values, bins=_bin_edges(values))
        return {
            "feature": self.feature,
            "unit": self.unit,
            "values": self.count,
            "sampled": len(values),
            "mean": float(values.mean()),
            "standard_deviation": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
            "quantiles": {str(share): float(np.quantile(values, share)) for share in _QUANTILES},
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        }


def distributions(dataset: Dataset, side: Side, units: Sequence[str | None]) -> list[Distribution]:
    """Of each feature, calendar features with no unit, from evenly chosen windows.

    At most about 20,000 values of each are looked at and 4 million of all, so a huge dataset costs no more memory than
    a small one. ``units`` are those of the first features.
    """
    windows, steps, features = dataset.shape(side)
    most = max(1, min(SAMPLED, _SAMPLED_IN_ALL // features))
    stride = max(1, -(-windows * steps // most))
    sampled = _every(dataset, side, stride)
    each = [*units, *[None] * (features - len(units))]
    return [
        Distribution(feature, unit, windows * steps, sampled[..., place].ravel())
        for place, (feature, unit) in enumerate(zip(dataset.features[side], each, strict=True))
    ]


def _every(dataset: Dataset, side: Side, stride: int) -> NDArray[np.float64]:
    """Each ``stride``-th window, the first one included."""
    start, chosen = 0, []
    for block in dataset.blocks(side):
        chosen.append(block[-start % stride :: stride].copy())
        start += len(block)
    return np.concatenate(chosen)


def _bin_edges(values: Values) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high, _BINS + 1)
    # Of a constant, or of numbers that no number lies between, there is one bin.
    return edges if np.all(np.diff(edges) > 0) else np.array([low, np.nextafter(high, np.inf)])
