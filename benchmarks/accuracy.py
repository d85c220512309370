"""Accuracy on ETTh1, beside what was published on it.

    python -m benchmarks.accuracy [--horizons 96 192 336 720] [--no-networks]

The protocol of the literature: 12 months to train, 4 to validate, 4 to test, all seven columns in and out, each in
units of its training rows' standard deviation; errors over all test windows, steps and columns, none dropped. Models,
their settings, how far they look back and which of them are averaged are chosen on the validation part alone. Every
model that was tried is printed, also where it did badly. Intervals of the chosen forecasts are calibrated as in a job.
Networks run with small sizes at the first horizon only, for the time they take.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_data import HORIZONS, PUBLISHED, Parts, errors, windows
from services.trainer.calibration import Outcomes, calibrate
from services.trainer.models.registry import model_class
from shared.series.model_parameters import parse_model
from shared.series.probabilistic import measure_quantiles

Forecast = NDArray[np.floating]

_LOOK_BACKS = (336, 512)
_CLOSED_FORM: tuple[dict[str, Any], ...] = (
    {"kind": "NLinear", "covariates": "none"},
    {"kind": "NLinear", "covariates": "none", "shared": False},
    {"kind": "DLinear", "covariates": "none"},
)
_NETWORKS: tuple[dict[str, Any], ...] = ({"kind": "Dense"}, {"kind": "CNN"}, {"kind": "LSTM"})
_NETWORK_NAMES = [document["kind"] for document in _NETWORKS]
_MOST_AVERAGED = 4
_SEASON = 24


@dataclass(frozen=True, slots=True)
class Tried:
    """One model at one horizon: its forecasts of both parts, and how long it took to learn and forecast them."""

    name: str
    look_back: int
    validation: Forecast
    test: Forecast
    seconds: float


def main() -> None:
    """Print a table for each horizon; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--horizons", type=int, nargs="+", choices=HORIZONS, default=list(HORIZONS))
    parser.add_argument("--no-networks", action="store_true", help="closed forms alone: some minutes less")
    arguments = parser.parse_args()
    began = time.monotonic()
    found: dict[str, Any] = {}
    for horizon in arguments.horizons:
        found |= run(horizon, networks=horizon == HORIZONS[0] and not arguments.no_networks)
    print(json.dumps({**found, "seconds": round(time.monotonic() - began)}))


def run(horizon: int, *, networks: bool) -> dict[str, Any]:
    """Try, choose, print; the figures of the chosen one."""
    parts = {look_back: windows(look_back, horizon) for look_back in _LOOK_BACKS}
    shortest = parts[_LOOK_BACKS[0]]
    baselines = list(_baselines(shortest))
    tried = [_try(document, parts[look_back], look_back) for look_back in _LOOK_BACKS for document in _CLOSED_FORM]
    if networks:
        tried += [_try(document, shortest, _LOOK_BACKS[0]) for document in _NETWORKS]
    truth = shortest.data.validation_targets
    tried.sort(key=lambda one: errors(one.validation, truth)[0])
    means = [_mean_of(tried[:count]) for count in range(2, _MOST_AVERAGED + 1)]
    chosen = min([tried[0], *means], key=lambda one: errors(one.validation, truth)[0])
    mse, mae = errors(chosen.test, shortest.test_targets)
    coverage = _coverage(chosen, shortest)
    Console().print(_table(horizon, [*baselines, *tried, *means], chosen, shortest))
    print(f"chosen on the validation part: {chosen.name}; 90 % intervals hold {coverage:.1%} of the test values")
    figures = {"mse": mse, "mae": mae, "coverage_90": coverage}
    by_network = {
        one.name.lower(): errors(one.test, shortest.test_targets)[0] for one in tried if one.name in _NETWORK_NAMES
    }
    return {f"{name}_{horizon}": round(value, 4) for name, value in {**figures, **by_network}.items()}


def _try(document: dict[str, Any], parts: Parts, look_back: int) -> Tried:
    parameters = parse_model(document)
    model = model_class(parameters.kind)(parameters)
    began = time.monotonic()
    model.fit(parts.data, lambda _: None)
    validation, test = model.predict(parts.data.validation_inputs), model.predict(parts.test_inputs)
    name = parameters.kind + (", one map each" if document.get("shared") is False else "")
    return Tried(name, look_back, validation, test, time.monotonic() - began)


def _baselines(parts: Parts) -> Iterator[Tried]:
    horizon = parts.test_targets.shape[1]
    for name, season in (("last value", 1), ("seasonal naive", _SEASON)):
        steps = np.arange(horizon) % season - season
        yield Tried(name, season, parts.data.validation_inputs[:, steps], parts.test_inputs[:, steps], 0.0)


def _mean_of(members: list[Tried]) -> Tried:
    return Tried(
        f"mean of the best {len(members)}",
        max(one.look_back for one in members),
        np.mean([one.validation for one in members], axis=0),
        np.mean([one.test for one in members], axis=0),
        sum(one.seconds for one in members),
    )


def _coverage(chosen: Tried, parts: Parts) -> float:
    """The share of test values in their 90 % interval; one hour after the other, each known when it is over."""
    found = []
    for column in range(parts.test_targets.shape[2]):
        validation, test = (
            _outcomes(forecast[..., column], truth[..., column])
            for forecast, truth in (
                (chosen.validation, parts.data.validation_targets),
                (chosen.test, parts.test_targets),
            )
        )
        quantiles = calibrate(validation, test, adapt=True).quantiles
        found.append(measure_quantiles(test.truth, quantiles.astype(np.float64))["intervals"][0]["coverage"])
    return float(np.mean(found))


def _outcomes(forecast: Forecast, truth: Forecast) -> Outcomes:
    references = np.arange(len(truth), dtype=np.int64)
    known_at = references[:, None] + np.arange(1, truth.shape[1] + 1)[None, :]
    return Outcomes(references, known_at, forecast.astype(np.float64), truth.astype(np.float64))


def _table(horizon: int, rows: list[Tried], chosen: Tried, parts: Parts) -> Table:
    table = Table(title=f"ETTh1, next {horizon} hours, all columns: MSE / MAE, standardised")
    for heading in ("model", "look-back", "validation MSE", "test MSE", "test MAE", "seconds"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for one in rows:
        validation, _ = errors(one.validation, parts.data.validation_targets)
        mse, mae = errors(one.test, parts.test_targets)
        name = f"[bold]{one.name} (chosen)[/]" if one is chosen else one.name
        table.add_row(name, str(one.look_back), f"{validation:.4f}", f"{mse:.4f}", f"{mae:.4f}", f"{one.seconds:.1f}")
    table.add_section()
    for name, published in PUBLISHED.items():
        table.add_row(
            f"{name} (published)",
            "336" if "Linear" in name else "96",
            "",
            *(f"{v:.3f}" for v in published[horizon]),
            "",
        )
    return table


if __name__ == "__main__":
    main()
