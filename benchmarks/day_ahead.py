"""Tetouan's power of the next day, forecast each midnight for its 24 hours, beside seasonal naive.

    python -m benchmarks.day_ahead

The sum of the three zones, hourly, 2017; November and December are the test part, and nothing is chosen with it. What
is tried are models, how many days they look back, and means of the best; chosen is by the geometric mean of the errors
in July with August and in September with October, each trained on what came before. Every model sees the weekday of
the day to be forecast. Inside, the last four weeks choose the penalties, as a job's validation part does.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from services.trainer.models.base import TrainingData
from services.trainer.models.columns import Columns, OwnPast
from services.trainer.models.registry import model_class
from shared.series.model_parameters import parse_model

Days = NDArray[np.float64]

_FILE = Path(__file__).parent / "data" / "tetouan_hourly.csv"
_MODELS: tuple[dict[str, Any], ...] = (
    {"kind": "NLinear", "covariates": "all"},
    {"kind": "DLinear", "covariates": "all"},
)
_DAYS_BACK = (1, 2, 3, 7)
_PERIODS = tuple(np.datetime64(month, "D") for month in ("2017-07", "2017-09", "2017-11", "2018-01"))
_MOST_AVERAGED = 4
_INNER_DAYS = 28
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Tried:
    """One model: its forecasts (days, 24) of each period, the last of which is the test part."""

    name: str
    forecasts: tuple[Days, ...]

    def errors(self, truth: list[Days]) -> list[float]:
        """The mean absolute error of each period as a share of the truth, in percent."""
        return [_mape(forecast, found) for forecast, found in zip(self.forecasts, truth, strict=True)]

    def score(self, truth: list[Days]) -> float:
        """What is chosen by: the geometric mean of the errors, without the test part's."""
        return math.exp(statistics.fmean(math.log(error) for error in self.errors(truth)[:-1]))


def run() -> dict[str, float]:
    """Try, choose, print; the figures of the chosen one, in percent."""
    frame = pl.read_csv(_FILE)
    power = frame["power"].to_numpy().reshape(-1, _HOURS)
    first = np.datetime64(frame["time"][0][:10], "D")
    bounds = [min(int((month - first).astype(int)), len(power)) for month in _PERIODS]
    truth = [power[start:stop] for start, stop in pairwise(bounds)]
    tried = [_try(document, back, power, first, bounds) for document, back in product(_MODELS, _DAYS_BACK)]
    tried.sort(key=lambda one: one.score(truth))
    means = [_mean_of(tried[:count]) for count in range(2, _MOST_AVERAGED + 1)]
    chosen = min([tried[0], *means], key=lambda one: one.score(truth))
    naive = Tried(
        "seasonal naive (a week)",
        tuple(power[start - 7 : stop - 7] for start, stop in pairwise(bounds)),
    )
    Console().print(_table([naive, *tried, *means], chosen, truth))
    return {
        "day_ahead_mape": round(chosen.errors(truth)[-1], 3),
        "day_ahead_mape_seasonal_naive": round(naive.errors(truth)[-1], 3),
    }


def _try(document: dict[str, Any], back: int, power: Days, first: np.datetime64, bounds: list[int]) -> Tried:
    forecasts = []
    for start, stop in pairwise(bounds):
        known = power[:start]
        mean, deviation = known.mean(), known.std()
        scaled = ((power - mean) / deviation).astype(np.float32)
        inner = start - _INNER_DAYS
        data = TrainingData(
            _windows(scaled, first, back, inner, back),
            scaled[back:inner, :, None],
            _windows(scaled, first, inner, start, back),
            scaled[inner:start, :, None],
            Columns((OwnPast(0, 1.0, 0.0),)),
        )
        model = model_class(document["kind"])(parse_model(document))
        model.fit(data, lambda _: None)
        found = model.predict(_windows(scaled, first, start, stop, back))
        forecasts.append(found[..., 0] * deviation + mean)
    return Tried(f"{document['kind']}, {back * _HOURS} hours back", tuple(forecasts))


def _windows(
    scaled: NDArray[np.float32], first: np.datetime64, start: int, stop: int, back: int
) -> NDArray[np.float32]:
    """(days, hours back, 8): the power before each day, and which weekday it is."""
    weekdays = (first.astype(int) + np.arange(start, stop)) % 7
    windows = np.zeros((stop - start, back * _HOURS, 8), dtype=np.float32)
    for place, day in enumerate(range(start, stop)):
        windows[place, :, 0] = scaled[day - back : day].ravel()
        windows[place, :, 1 + weekdays[place]] = 1.0
    return windows


def _mape(forecast: Days, truth: Days) -> float:
    return float(100.0 * np.mean(np.abs(forecast - truth) / truth))


def _mean_of(members: list[Tried]) -> Tried:
    together = zip(*(one.forecasts for one in members), strict=True)
    return Tried(f"mean of the best {len(members)}", tuple(np.mean(forecasts, axis=0) for forecasts in together))


def _table(rows: list[Tried], chosen: Tried, truth: list[Days]) -> Table:
    table = Table(title="Tetouan, the next day, MAPE in percent")
    for heading in ("model", "July, August", "September, October", "test"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for one in rows:
        name = f"[bold]{one.name} (chosen)[/]" if one is chosen else one.name
        table.add_row(name, *(f"{error:.2f}" for error in one.errors(truth)))
    return table


def main() -> None:
    """The last line is one JSON object."""
    print(json.dumps(run()))


if __name__ == "__main__":
    main()
