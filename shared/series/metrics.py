"""How good a forecast is, in original units (algorithms section 7).

What is undefined is None with a reason beside it: never NaN, infinity or a made-up 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVELS = 12
METRICS = ("mae", "mse", "rmse", "nrmse", "mape", "wape", "smape", "r2", "mase")


def averaged(values: Array, level: int) -> Array:
    """(n, O) to (n, floor(O / level)): means of consecutive steps; a rest is left out."""
    blocks = values.shape[1] // level
    means: Array = values[:, : blocks * level].reshape(len(values), blocks, level).mean(axis=2)
    return means


def naive_error(series: Array, season: int) -> float | None:
    """MASE's denominator: mean of \\|y_t - y_{t-m}\\| over a series on an even grid, NaN skipped; None if undefined."""
    if season < 1 or len(series) <= season:
        return None
    differences = np.abs(series[season:] - series[:-season])
    differences = differences[np.isfinite(differences)]
    return float(differences.mean()) if len(differences) and differences.mean() > 0 else None


def measure(truth: Array, forecast: Array, *, naive: float | None) -> dict[str, Any]:
    """All metrics over all values together; ``reasons`` says why one of them is None.

    MAE, MSE, RMSE in units; NRMSE = RMSE / mean(truth); MAPE, WAPE, sMAPE in percent; R2 = 1 - SSE / SST;
    MASE = MAE / ``naive``.
    """
    y, e = truth.ravel(), (forecast - truth).ravel()
    if y.size == 0:
        return {**dict.fromkeys(METRICS), "reasons": dict.fromkeys(METRICS, "there are no values")}
    reasons: dict[str, str] = {}

    def ratio(name: str, over: float, under: float | None, why: str) -> float | None:
        if under is None or under == 0:
            reasons[name] = why
            return None
        return over / under

    absolute, squared = np.abs(e), e**2
    mae, mse = float(absolute.mean()), float(squared.mean())
    both = (np.abs(y) + np.abs(y + e)) / 2
    zeros = int(np.count_nonzero(y == 0))
    if zeros:
        reasons["mape"] = f"{zeros} of {y.size} true values are 0"
    found = {
        "mae": mae,
        "mse": mse,
        "rmse": mse**0.5,
        "nrmse": ratio("nrmse", mse**0.5, float(y.mean()), "the mean of the true values is 0"),
        "mape": None if zeros else float(100 * (absolute / np.abs(y)).mean()),
        "wape": ratio("wape", float(100 * absolute.sum()), float(np.abs(y).sum()), "all true values are 0"),
        "smape": float(100 * np.divide(absolute, both, out=np.zeros_like(both), where=both > 0).mean()),
        "r2": _r2(float(squared.sum()), float(((y - y.mean()) ** 2).sum()), reasons),
        "mase": ratio("mase", mae, naive, "the training series has no seasonal difference to compare with"),
    }
    return _defined({**found, "reasons": reasons})


def evaluate(
    truth: Array, forecast: Array, *, step_minutes: float, naive: float | None, levels: int = LEVELS
) -> dict[str, Any]:
    """Every averaging level, overall and for each step, of one target's (n, O) truths and forecasts.

    ``levels``: the highest level asked for; levels above O give no values. An averaged target has level 1 only.
    """
    found = []
    for level in range(1, min(levels, truth.shape[1]) + 1):
        y, f = averaged(truth, level), averaged(forecast, level)
        found.append(
            {
                "level": level,
                "delta_minutes": level * step_minutes,
                "overall": measure(y, f, naive=naive),
                "by_step": [measure(y[:, k], f[:, k], naive=naive) for k in range(y.shape[1])],
            }
        )
    return {"levels": found}


def mase_reference(truth: Array, forecast: Array) -> float | None:
    """MASE as the reference has it: over neighbours of the flattened truths, across window borders."""
    naive = naive_error(truth.ravel(), 1)
    return None if naive is None else float(np.abs(forecast - truth).mean() / naive)


def skill(rmse: float | None, rmse_of_baseline: float | None) -> float | None:
    """1 - RMSE / RMSE of seasonal naive; None where either is undefined or the baseline is without error."""
    if rmse is None or not rmse_of_baseline:
        return None
    return 1 - rmse / rmse_of_baseline


def _r2(errors: float, total: float, reasons: dict[str, str]) -> float | None:
    if total == 0:
        reasons["r2"] = "the true values are constant"
        return None
    return 1 - errors / total


def _defined(found: dict[str, Any]) -> dict[str, Any]:
    """What overflowed is undefined as well."""
    for name in METRICS:
        if found[name] is not None and not np.isfinite(found[name]):
            found[name] = None
            found["reasons"][name] = "the errors are too large to be expressed"
    return found
