"""ETTh1 as the literature splits and scales it, and what was published on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.trainer.models.base import TrainingData, Windows
from services.trainer.models.columns import Columns, OwnPast

_FILE = Path(__file__).parent / "data" / "ETTh1.csv"
_TRAIN, _VALIDATION, _TEST = 8640, 11520, 14400
"""Rows before which each part ends: 12, 4 and 4 months of 30 days."""
_EARLIER_ORIGINS = (4320, 6480)
"""Rows before which a training part ends that is only there to choose by; four months behind it are validated."""

HORIZONS = (96, 192, 336, 720)
OIL_TEMPERATURE = "OT"
ALL_COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", OIL_TEMPERATURE)

# Zeng et al., "Are Transformers Effective for Time Series Forecasting?", AAAI 2023, table 1: MSE, MAE by horizon.
PUBLISHED = {
    "NLinear": {96: (0.374, 0.394), 192: (0.408, 0.415), 336: (0.429, 0.427), 720: (0.440, 0.453)},
    "DLinear": {96: (0.375, 0.399), 192: (0.405, 0.416), 336: (0.439, 0.443), 720: (0.472, 0.490)},
    "FEDformer": {96: (0.376, 0.419), 192: (0.420, 0.448), 336: (0.459, 0.465), 720: (0.506, 0.507)},
    "Informer": {96: (0.865, 0.713), 192: (1.008, 0.792), 336: (1.107, 0.809), 720: (1.181, 0.865)},
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Windows of all seven columns, in units of the training rows' standard deviation.

    ``origins``: what is trained on and validated, each later than the one before; the last is the protocol's own.
    """

    origins: tuple[TrainingData, ...]
    test_inputs: Windows
    test_targets: Windows


def windows(look_back: int, horizon: int, *, columns: tuple[str, ...] = ALL_COLUMNS) -> Parts:
    """Of these columns, every window of stride 1.

    Those of validation and test reach back into the part before for their look-back.
    """
    rows = pl.read_csv(_FILE, columns=columns).select(columns).to_numpy()[:_TEST]
    known = rows[:_TRAIN]
    scaled = ((rows - known.mean(axis=0)) / known.std(axis=0)).astype(np.float32)

    def part(start: int, stop: int) -> tuple[Windows, Windows]:
        found = sliding_window_view(scaled[start:stop], look_back + horizon, axis=0).swapaxes(1, 2)
        return found[:, :look_back], found[:, look_back:]

    pasts = Columns(own=tuple(OwnPast(column, 1.0, 0.0) for column in range(rows.shape[1])))
    origins = tuple(
        TrainingData(*part(0, end), *part(end - look_back, end + _VALIDATION - _TRAIN), pasts)
        for end in (*_EARLIER_ORIGINS, _TRAIN)
    )
    return Parts(origins, *part(_VALIDATION - look_back, _TEST))


def errors(forecast: NDArray[np.floating], truth: Windows) -> tuple[float, float]:
    """MSE and MAE over all windows, steps and columns."""
    difference = forecast - truth
    return float(np.mean(difference**2)), float(np.mean(np.abs(difference)))
