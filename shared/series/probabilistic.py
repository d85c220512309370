"""How good quantile forecasts are, in original units (algorithms section 7, "Probabilistic").

Undefined is None with a reason beside it, as in ``metrics.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the truths that should lie below; symmetric, so that each pair is an interval about the median."""
_EVEN = slice(1, -1)
"""The evenly spaced ones, whose mean pinball loss stands for the integral in CRPS."""


def measure_quantiles(truth: Array, quantiles: Array) -> dict[str, Any]:
    """Pinball loss for each quantile, CRPS, and each interval's coverage and mean width, overall and by step.

    ``truth`` (n, O), ``quantiles`` (n, O, len(QUANTILES)), never falling along the last axis; n is at least 1.
    CRPS = 2 x the mean pinball loss over 0.1 … 0.9 (Gneiting and Raftery 2007, by their quantile representation).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        losses = pinball(truth, quantiles)
        intervals = [_interval(truth, quantiles, place) for place in range(len(QUANTILES) // 2)]
    if not np.isfinite([*losses, losses.sum(), *(interval["mean_width"] for interval in intervals)]).all():
        return undefined("the errors are too large to be expressed")
    return {
        "pinball": {str(share): float(loss) for share, loss in zip(QUANTILES, losses, strict=True)},
        "crps": float(2 * losses[_EVEN].mean()),
        "intervals": intervals,
        "reasons": {},
    }


def undefined(reason: str) -> dict[str, Any]:
    """The same document where there are no quantile forecasts."""
    return {
        "pinball": None,
        "crps": None,
        "intervals": None,
        "reasons": dict.fromkeys(("pinball", "crps", "intervals"), reason),
    }


def pinball(truth: Array, quantiles: Array) -> Array:
    """max(q e, (q - 1) e) with e = truth - forecast, the mean over windows and steps for each quantile q."""
    losses = np.empty(len(QUANTILES))
    for place, share in enumerate(QUANTILES):
        error = truth - quantiles[..., place]
        losses[place] = np.maximum(share * error, (share - 1) * error).mean()
    return losses


def interval_level(place: int) -> float:
    """The share of truths that the interval between the quantile at ``place`` and its mirror image should hold."""
    return round(QUANTILES[-1 - place] - QUANTILES[place], 6)


def _interval(truth: Array, quantiles: Array, place: int) -> dict[str, Any]:
    low, high = quantiles[..., place], quantiles[..., -1 - place]
    inside = (truth >= low) & (truth <= high)
    return {
        "level": interval_level(place),
        "coverage": float(inside.mean()),
        "mean_width": float((high - low).mean()),
        "coverage_by_step": [float(share) for share in inside.mean(axis=0)],
    }
