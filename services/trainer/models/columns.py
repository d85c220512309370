"""What a model may know of the columns of its windows: which is a target's own past, and which lie ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series.calendar_columns import feature_of_each_column
from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.configuration_fields import Horizon
from shared.series.series import Times
from shared.series.windows import sample_offsets


@dataclass(frozen=True, slots=True)
class OwnPast:
    """The input column that is a target's own series: ``slope * column + intercept`` is on the target's scale."""

    column: int
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """Input columns that are known for the target's steps; ``at_steps`` (O, I) takes their values there."""

    columns: tuple[int, ...]
    at_steps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """``own``: one entry for each target, None where its past is not among the inputs."""

    own: tuple[OwnPast | None, ...] = ()
    ahead: tuple[Ahead, ...] = ()

    def of_target(self, target: int) -> OwnPast | None:
        """The target's own past, if it is known."""
        return self.own[target] if target < len(self.own) else None


def describe_columns(configuration: Configuration, manifest: dict[str, Any], targets: list[int]) -> Columns:
    """From the configuration and the scalers of the data set, for some of its targets.

    The targets' own horizons decide what lies ahead; where they differ, the first one's does.
    """
    scalers = manifest["scalers"]
    own = tuple(_own_past(configuration, scalers, target) for target in targets)
    outputs = configuration.outputs[targets[0]]
    wanted = sample_offsets(outputs.horizon, configuration.time_steps.output)
    by_horizon: dict[tuple[float, float], list[int]] = {}
    for column, horizon in enumerate(_horizons(configuration)):
        if horizon is not None and _covers(horizon, outputs.horizon):
            by_horizon.setdefault((horizon.start_hours, horizon.end_hours), []).append(column)
    count = configuration.time_steps.input
    ahead = tuple(
        Ahead(
            tuple(columns),
            _interpolation(sample_offsets(Horizon(start_hours=start, end_hours=end), count), wanted),
        )
        for (start, end), columns in by_horizon.items()
    )
    return Columns(own, ahead)


def _own_past(configuration: Configuration, scalers: dict[str, Any], target: int) -> OwnPast | None:
    """Of several the one that ends last: it is nearest to what is forecast."""
    output = configuration.outputs[target]
    found = [
        (entry.horizon.end_hours, column)
        for column, entry in enumerate(configuration.inputs)
        if (entry.file, entry.value_column) == (output.file, output.value_column)
        and entry.kind == "historical"
        and not entry.average
        and entry.horizon.end_hours <= output.horizon.start_hours
    ]
    if not found:
        return None
    column = max(found)[1]
    in_slope, in_intercept = _to_scaled(scalers["inputs"][column])
    out_slope, out_intercept = _to_scaled(scalers["targets"][target])
    slope = out_slope / in_slope
    return OwnPast(column, slope, out_intercept - slope * in_intercept)


def _to_scaled(scaler: dict[str, Any]) -> tuple[float, float]:
    """Slope and intercept of a scaler's map."""
    if scaler["kind"] == "none":
        return 1.0, 0.0
    # A constant column's width counts as 1, as the scaler has it.
    slope = (scaler["high"] - scaler["low"]) / (scaler["width"] or 1.0)
    return slope, scaler["low"] - slope * scaler["centre"]


def _horizons(configuration: Configuration) -> list[Horizon | None]:
    """Each input column's horizon, in the order of the columns; None where the value is of one moment."""
    known: list[Horizon | None] = [_horizon(entry) for entry in configuration.inputs]
    for feature in feature_of_each_column(configuration):
        horizon = Horizon(start_hours=feature.start_hours, end_hours=feature.end_hours)
        known.append(horizon if feature.at == "horizon" else None)
    return known


def _horizon(entry: SeriesConfiguration) -> Horizon | None:
    return None if entry.average or entry.kind == "current" else entry.horizon


def _covers(known: Horizon, wanted: Horizon) -> bool:
    return known.start_hours <= wanted.start_hours and known.end_hours >= wanted.end_hours


def _interpolation(known: Times, wanted: Times) -> NDArray[np.float64]:
    """(O, I): the linear map from values at the known offsets to values at the wanted ones."""
    units = np.eye(len(known))
    columns = [np.interp(wanted.astype(np.float64), known.astype(np.float64), unit) for unit in units]
    return np.stack(columns, axis=1)
