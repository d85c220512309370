"""Forecasts of the test part in original units, and how good they are beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.trainer.intervals import WIDEST, Intervals, find_intervals
from services.trainer.models.baselines import last_value, seasonal_naive, training_mean
from shared.series import metrics
from shared.series.artifact import StoredDataset
from shared.series.configuration import Configuration
from shared.series.windows import sample_offsets

Values = NDArray[np.float64]
BASELINES = ("seasonal_naive", "last_value", "training_mean")
_CLEARLY_BETTER = 0.98
"""A model that learned something has at most this share of the best baseline's RMSE."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``headline`` is what lists show; ``document`` has every level and step; ``arrays`` the test part's values."""

    headline: dict[str, Any]
    document: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    intervals: Intervals


def evaluate(
    dataset: StoredDataset, configuration: Configuration, target: int, validation_scaled: Values, test_scaled: Values
) -> Evaluation:
    """One target's forecasts (n, O) of both parts, scaled: the test part's against its truths.

    Those of the validation part calibrate its quantiles.
    """
    test = dataset.parts["test"]
    scaler = dataset.target_scalers[target]
    forecast = scaler.inverse(test_scaled)
    truth = dataset.targets[test, :, target]
    history = dataset.histories[target]
    outputs = configuration.outputs[target]
    levels = 1 if outputs.average else metrics.LEVELS
    baselines = baseline_forecasts(dataset, configuration, target)

    def measured(values: Values) -> dict[str, Any]:
        return metrics.evaluate(
            truth, values, step_minutes=history.step_minutes, naive=history.naive_error, levels=levels
        )

    found = measured(forecast)
    compared = {name: metrics.measure(truth, values, naive=history.naive_error) for name, values in baselines.items()}
    overall = found["levels"][0]["overall"]
    intervals = find_intervals(dataset, configuration, target, scaler.inverse(validation_scaled), forecast)
    manifest = dataset.manifest
    name = manifest["target_features"][target]
    headline = {
        **{metric: overall[metric] for metric in metrics.METRICS},
        "skill": metrics.skill(overall["rmse"], compared["seasonal_naive"]["rmse"]),
        "learned_nothing": _learned_nothing(overall["rmse"], [compared[name]["rmse"] for name in BASELINES]),
        "baseline_rmse": compared["seasonal_naive"]["rmse"],
        **_of_the_widest(intervals),
        "season_steps": history.season_steps,
        "unit": manifest["units"][name],
        "windows": manifest["windows"],
        "split": manifest["split"],
    }
    document = {
        "target": name,
        "unit": manifest["units"][name],
        "scale": "original units",
        "headline": headline,
        "model": found,
        "baselines": compared,
        "probabilistic": intervals.document,
    }
    arrays: dict[str, NDArray[Any]] = {
        "reference_times": dataset.reference_times[test],
        "offsets": sample_offsets(outputs.horizon, truth.shape[1]),
        "forecast": forecast,
        "truth": truth,
        **{f"baseline_{name}": values for name, values in baselines.items()},
    }
    if intervals.quantiles is not None:
        arrays |= {f"lower_{WIDEST}": intervals.quantiles[..., 0], f"upper_{WIDEST}": intervals.quantiles[..., -1]}
    return Evaluation(headline, document, arrays, intervals)


def _of_the_widest(intervals: Intervals) -> dict[str, Any]:
    """CRPS, and the widest interval's coverage and mean width; None where undefined."""
    widest = (intervals.document["intervals"] or [{"coverage": None, "mean_width": None}])[0]
    return {
        "crps": intervals.document["crps"],
        f"coverage_{WIDEST}": widest["coverage"],
        f"width_{WIDEST}": widest["mean_width"],
    }


def _learned_nothing(rmse: float | None, baselines: list[float | None]) -> bool:
    """True where the best baseline is as good: on noise the training mean beats seasonal naive by itself."""
    known = [value for value in baselines if value is not None]
    return rmse is not None and bool(known) and rmse > _CLEARLY_BETTER * min(known)


def baseline_forecasts(dataset: StoredDataset, configuration: Configuration, target: int) -> dict[str, Values]:
    """Each baseline's forecasts (n_test, O) in original units; of an averaged target the mean over its steps."""
    test = dataset.parts["test"]
    references = dataset.reference_times[test]
    outputs = configuration.outputs[target]
    moments = references[:, None] + sample_offsets(outputs.horizon, dataset.targets.shape[1])[None, :]
    history = dataset.histories[target]
    mean = training_mean(dataset.targets[dataset.parts["train"], :, target], len(test))
    found = {
        "seasonal_naive": seasonal_naive(history, references, moments),
        "last_value": last_value(history, references, moments),
        "training_mean": mean,
    }
    if outputs.average:
        found = {name: np.repeat(v.mean(axis=1)[:, None], v.shape[1], axis=1) for name, v in found.items()}
    # Before the first season there is nothing to repeat: the training mean stands in, as for any unknown past.
    return {name: np.where(np.isfinite(values), values, mean) for name, values in found.items()}
