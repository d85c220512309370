"""Which rows are learned from where a model cannot take them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.trainer.models.base import History


def drawn(count: int, limit: int, seed: int, history: History, *, what: str, why: str) -> NDArray[np.int64]:
    """Places (at most ``limit`` of ``count``), rising; a warning tells when they are not all.

    ``why`` there are no more of them. At random by the seed and not every k-th: that would see the same hour of each
    day, where k is a day.
    """
    if count <= limit:
        return np.arange(count)
    history.warnings.append(f"Learned from {limit} of {count} {what}, drawn at random by the seed: {why}.")
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))
