"""Every model works for any number of features, targets and steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.trainer.models.registry import MODELS, model_class
from shared.series.model_parameters import KINDS, parse_model
from tests.unit.trainer.conftest import MakeData

SMALL = {"Linear": {}, "Dense": {"layers": 1, "units": 4, "epochs": 1}}
FEATURES = [(1, 1), (9, 1), (9, 2), (2, 3)]
STEPS = [(5, 5), (6, 4), (3, 1)]


def test_every_kind_that_can_be_asked_for_has_a_model_and_is_in_the_matrix() -> None:
    assert set(MODELS) == set(KINDS) == set(SMALL)


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: f"{steps[0]}to{steps[1]}steps")
@pytest.mark.parametrize("features", FEATURES, ids=lambda features: f"{features[0]}to{features[1]}")
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_f63_every_model_trains_forecasts_saves_and_reloads_for_every_shape(
    kind: str, features: tuple[int, int], steps: tuple[int, int], tmp_path: Path, make_data: MakeData
) -> None:
    input_shape, output_shape = (steps[0], features[0]), (steps[1], features[1])
    data = make_data(input_shape=input_shape, output_shape=output_shape)
    parameters = parse_model({"kind": kind, **SMALL[kind]})
    model = model_class(kind)(parameters)

    history = model.fit(data, lambda _: None)
    forecast = model.predict(data.validation_inputs)
    path = model.save(tmp_path)
    reloaded = model_class(kind).load(tmp_path, parameters, output_shape)

    assert len(history.epochs) == 1
    assert forecast.shape == (len(data.validation_inputs), *output_shape)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name] == [model.file_name]
    assert np.array_equal(reloaded.predict(data.validation_inputs), forecast)
    assert reloaded.weight_count == model.weight_count > 0
