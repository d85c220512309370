"""Accuracy on ETTh1, beside what was published on it.

    python -m benchmarks.accuracy [--horizons 96 192 336 720] [--no-networks]

The protocol of the literature: 12 months to train, 4 to validate, 4 to test, all seven columns in and out, each in
units of its training rows' standard deviation; errors over all test windows, steps and columns, none dropped.

Models, how far they look back and which of them are averaged are chosen without the test part: by the geometric mean
of their errors after three origins, the last of which is the protocol's own; one stretch alone favours what happens to
fit its level. The literature looks 336 hours back; what does best with that is given beside what was chosen. Ridge
penalties are chosen on the validation part, as in a job. Every model that was tried is printed, also where it did
badly. Networks, at the first horizon only, look 96 hours back; they are trained once and so not chosen among. The same
LSTM on the oil temperature alone, 24 hours ahead, stands beside the only published one.
Intervals of the chosen forecasts are calibrated as in a job.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_data import HORIZONS, OIL_TEMPERATURE, PUBLISHED, Parts, errors, windows
from services.trainer.calibration import Outcomes, calibrate
from services.trainer.models.registry import model_class
from shared.series.model_parameters import parse_model
from shared.series.probabilistic import measure_quantiles

Forecast = NDArray[np.floating]

_LOOK_BACKS = (336, 512)
_CLOSED_FORM: tuple[dict[str, Any], ...] = (
    {"kind": "NLinear", "covariates": "none"},
    {"kind": "DLinear", "covariates": "none"},
)
_NETWORKS: tuple[dict[str, Any], ...] = (
    {"kind": "Dense"},
    {"kind": "CNN", "layers": 2, "filters": 64},
    {"kind": "LSTM", "layers": 1, "units": 64},
)
"""Small enough for minutes on two cores; what is not named is as it is by default."""
_LOOK_BACK_OF_NETWORKS = 96
_MOST_AVERAGED = 4
_SEASON = 24


@dataclass(frozen=True, slots=True)
class Tried:
    """One model at one horizon: its forecasts after each origin and of the test part, and how long all that took."""

    name: str
    look_back: int
    validations: tuple[Forecast, ...]
    test: Forecast
    seconds: float

    def score(self, parts: Parts) -> float:
        """The geometric mean of its errors after the origins, the last of them as they are."""
        found = [
            errors(forecast, data.validation_targets)[0]
            for forecast, data in zip(reversed(self.validations), reversed(parts.origins), strict=False)
        ]
        return math.exp(statistics.fmean(math.log(mse) for mse in found))


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
    if not arguments.no_networks:
        found |= oil_temperature()
    print(json.dumps({**found, "seconds": round(time.monotonic() - began)}))


def run(horizon: int, *, networks: bool) -> dict[str, Any]:
    """Try, choose, print; the figures of the chosen one."""
    parts = {look_back: windows(look_back, horizon) for look_back in _LOOK_BACKS}
    shortest = parts[_LOOK_BACKS[0]]
    baselines = list(_baselines(shortest))
    tried = [_try(document, parts[look_back], look_back) for look_back in _LOOK_BACKS for document in _CLOSED_FORM]
    tried.sort(key=lambda one: one.score(shortest))
    means = [_mean_of(tried[:count]) for count in range(2, _MOST_AVERAGED + 1)]
    chosen = min([tried[0], *means], key=lambda one: one.score(shortest))
    best_at_336 = next(one for one in tried if one.look_back == _LOOK_BACKS[0])
    trained_once = list(_networks(horizon)) if networks else []
    mse, mae = errors(chosen.test, shortest.test_targets)
    coverage = _coverage(chosen, shortest)
    Console().print(_table(horizon, [*baselines, *trained_once, *tried, *means], chosen, shortest))
    print(f"chosen without the test part: {chosen.name}; 90 % intervals hold {coverage:.1%} of the test values")
    figures = {
        "mse": mse,
        "mae": mae,
        "coverage_90": coverage,
        "look_back": chosen.look_back,
        "mse_of_best_at_336": errors(best_at_336.test, shortest.test_targets)[0],
    }
    by_network = {one.name.lower(): errors(one.test, shortest.test_targets)[0] for one in trained_once}
    return {f"{name}_{horizon}": round(value, 4) for name, value in {**figures, **by_network}.items()}


def oil_temperature() -> dict[str, float]:
    """The LSTM on that column alone. Zhou et al. (AAAI 2021), table 1, have 0.114 (MSE) and 0.272 (MAE) for one."""
    horizon = 24
    parts = windows(_LOOK_BACK_OF_NETWORKS, horizon, columns=(OIL_TEMPERATURE,))
    mse, mae = errors(_try(_NETWORKS[-1], parts, _LOOK_BACK_OF_NETWORKS, origins=1).test, parts.test_targets)
    print(f"LSTM on the oil temperature alone, {horizon} hours: {mse:.4f} / {mae:.4f} (published: 0.114 / 0.272)")
    return {"lstm_univariate_mse_24": round(mse, 4), "lstm_univariate_mae_24": round(mae, 4)}


def _try(document: dict[str, Any], parts: Parts, look_back: int, *, origins: int | None = None) -> Tried:
    """``origins``: after how many of the last ones it is trained; after all unless given."""
    parameters = parse_model(document)
    began, validations = time.monotonic(), []
    for data in parts.origins[-(origins or len(parts.origins)) :]:
        model = model_class(parameters.kind)(parameters)
        model.fit(data, lambda _: None)
        validations.append(model.predict(data.validation_inputs))
    test = model.predict(parts.test_inputs)
    return Tried(parameters.kind, look_back, tuple(validations), test, time.monotonic() - began)


def _networks(horizon: int) -> Iterator[Tried]:
    parts = windows(_LOOK_BACK_OF_NETWORKS, horizon)
    for document in _NETWORKS:
        yield _try(document, parts, _LOOK_BACK_OF_NETWORKS, origins=1)


def _baselines(parts: Parts) -> Iterator[Tried]:
    horizon = parts.test_targets.shape[1]
    for name, season in (("last value", 1), ("seasonal naive", _SEASON)):
        steps = np.arange(horizon) % season - season
        validations = tuple(data.validation_inputs[:, steps] for data in parts.origins)
        yield Tried(name, season, validations, parts.test_inputs[:, steps], 0.0)


def _mean_of(members: list[Tried]) -> Tried:
    return Tried(
        f"mean of the best {len(members)}",
        max(one.look_back for one in members),
        tuple(np.mean(after, axis=0) for after in zip(*(one.validations for one in members), strict=True)),
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
                (chosen.validations[-1], parts.origins[-1].validation_targets),
                (chosen.test, parts.test_targets),
            )
        )
        quantiles = calibrate(validation, test, adapt=True).quantiles
        found.append(measure_quantiles(test.truth, quantiles)["intervals"][0]["coverage"])
    return float(np.mean(found))


def _outcomes(forecast: Forecast, truth: Forecast) -> Outcomes:
    references = np.arange(len(truth), dtype=np.int64)
    known_at = references[:, None] + np.arange(1, truth.shape[1] + 1)[None, :]
    return Outcomes(references, known_at, forecast.astype(np.float64), truth.astype(np.float64))


def _table(horizon: int, rows: list[Tried], chosen: Tried, parts: Parts) -> Table:
    table = Table(title=f"ETTh1, next {horizon} hours, all columns: MSE / MAE, standardised")
    for heading in ("model", "look-back", "chosen by", "test MSE", "test MAE", "seconds"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for one in rows:
        mse, mae = errors(one.test, parts.test_targets)
        name = f"[bold]{one.name} (chosen)[/]" if one is chosen else one.name
        table.add_row(
            name, str(one.look_back), f"{one.score(parts):.4f}", f"{mse:.4f}", f"{mae:.4f}", f"{one.seconds:.1f}"
        )
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
