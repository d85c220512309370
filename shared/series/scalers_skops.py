"""Scalers as scikit-learn's own objects in one skops file: for people who go on in scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import skops.io  # type: ignore[import-untyped]
from sklearn.preprocessing import (  # type: ignore[import-untyped]
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from shared.series.maker import Side
from shared.series.scalers import Scaler


def write_skops(path: Path, features: Mapping[Side, list[str]], scalers: Mapping[Side, list[Scaler]]) -> None:
    """``{"inputs": [{"feature", "scaler"}, …], "targets": …}``, in the order of the features; None: not scaled.

    Each scaler takes and gives one column, (n, 1).
    """
    document = {
        side: [
            {"feature": feature, "scaler": as_sklearn(scaler)}
            for feature, scaler in zip(features[side], of_side, strict=True)
        ]
        for side, of_side in scalers.items()
    }
    skops.io.dump(document, path)


def as_sklearn(scaler: Scaler) -> MinMaxScaler | StandardScaler | RobustScaler | None:
    """The same map, fitted; None for the identity."""
    width = scaler.width or 1.0
    if scaler.kind == "none":
        return None
    if scaler.kind == "minmax":
        scale, top = (scaler.high - scaler.low) / width, scaler.centre + scaler.width
        return _set(
            MinMaxScaler(feature_range=(scaler.low, scaler.high)),
            scale_=[scale],
            min_=[scaler.low - scaler.centre * scale],
            data_min_=[scaler.centre],
            data_max_=[top],
            data_range_=[scaler.width],
        )
    if scaler.kind == "standard":
        return _set(StandardScaler(), mean_=[scaler.centre], var_=[scaler.width**2], scale_=[width])
    return _set(RobustScaler(), center_=[scaler.centre], scale_=[width])


def _set(estimator: Any, **learned: list[float]) -> Any:
    # Fitting would take small ranges for none, which are not small in every unit.
    for name, values in learned.items():
        setattr(estimator, name, np.array(values))
    estimator.n_features_in_ = 1
    return estimator
