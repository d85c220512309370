"""Which input column is a target's own past, on which scale, and which columns are known ahead."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from services.trainer.models.columns import Columns, describe_columns
from shared.series.configuration import parse_configuration
from shared.series.dataset import Dataset, build_dataset
from tests.synthetic import load_and_temperature, load_configuration


def _described(document: dict[str, Any]) -> tuple[Columns, Dataset]:
    series = dict(zip(("load", "temperature"), load_and_temperature(days=30), strict=True))
    configuration = parse_configuration(document)
    dataset = build_dataset(configuration, {n: series[entry.file] for n, entry in enumerate(configuration.series)})
    scalers = {
        "inputs": [scaler.to_json() for scaler in dataset.scalers["inputs"]],
        "targets": [scaler.to_json() for scaler in dataset.scalers["targets"]],
    }
    return describe_columns(configuration, {"scalers": scalers}, [0]), dataset


def test_the_own_past_is_found_and_brought_to_the_targets_scale() -> None:
    document = copy.deepcopy(load_configuration())
    document["series"][0]["scale"] = {"min": -3, "max": 5}

    columns, dataset = _described(document)

    own = columns.of_target(0)
    assert own is not None
    assert own.column == 0
    scaled = own.slope * dataset.array("inputs_scaled")[..., 0] + own.intercept
    assert np.allclose(scaled, dataset.scalers["targets"][0].apply(dataset.array("inputs")[..., 0]), atol=1e-12)


def test_without_the_targets_series_among_the_inputs_there_is_no_own_past() -> None:
    document = copy.deepcopy(load_configuration())
    del document["series"][0]

    assert _described(document)[0].of_target(0) is None
    assert Columns().of_target(0) is None


def test_a_mean_over_the_horizon_is_no_past_to_go_on_from() -> None:
    document = copy.deepcopy(load_configuration())
    document["series"][0]["average"] = True

    assert _described(document)[0].of_target(0) is None


def test_what_covers_the_targets_horizon_is_known_ahead_at_its_steps() -> None:
    document = copy.deepcopy(load_configuration())
    document["time_steps"]["output"] = 12
    document["time_features"] = {"day": {"start_hours": 1, "end_hours": 24}, "week": {}, "year": {"at": "reference"}}

    columns, dataset = _described(document)

    [ahead] = columns.ahead
    names = [dataset.features["inputs"][column] for column in ahead.columns]
    assert names == ["temperature ahead", "day sine", "day cosine"]
    ramp = np.linspace(1, 24, 24)
    assert np.allclose(ahead.at_steps @ ramp, np.linspace(1, 24, 12))
