"""Every model works for any number of features, targets and steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import tensorflow as tf

from services.trainer.models.registry import MODELS, model_class
from services.trainer.sizes import check_sizes
from shared.problems import Category, ProblemError
from shared.series.model_parameters import KINDS, parse_model
from tests.unit.trainer.conftest import MakeData

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
_NEURAL: dict[str, Any] = {"epochs": 2, "batch_size": 64}
SMALL: dict[str, dict[str, Any]] = {
    "Linear": {},
    "NLinear": {},
    "DLinear": {"average_steps": 3},
    "LinearStepwise": {},
    "SVRStepwise": {"max_samples": 60},
    "LightGBM": {"trees": 2, "least_samples": 2},
    "SVRDirect": {},
    "SVRMIMO": {"kernel": "rbf", "max_samples": 40},
    "Dense": {**_NEURAL, "layers": 1, "units": 4},
    "CNN": {**_NEURAL, "layers": 2, "filters": 3},
    "CNN2D": {**_NEURAL, "layers": 1, "filters": 2},
    "LSTM": {**_NEURAL, "epochs": 1, "layers": 2, "units": 3},
    "ARLSTM": {**_NEURAL, "epochs": 1, "layers": 2, "units": 3},
}
SMALL["Ensemble"] = {
    "members": [{"kind": kind, **SMALL[kind]} for kind in ("Linear", "NLinear", "LightGBM", "Dense", "CNN2D")],
    "size": 4,
}
SLOW = {"LSTM", "ARLSTM", "Ensemble"}
FEATURES = [(1, 1), (9, 1), (9, 2), (2, 3)]
STEPS = [(5, 5), (6, 4), (3, 1)]
SHAPES = [((steps[0], columns[0]), (steps[1], columns[1])) for columns in FEATURES for steps in STEPS]


def _fits(kind: str, inputs: tuple[int, int], outputs: tuple[int, int]) -> bool:
    return parse_model({"kind": kind, **SMALL[kind]}).refusal(inputs, outputs) is None


@pytest.fixture(autouse=True)
def without_graphs() -> Iterator[None]:
    """Step by step, as in a debugger: building a graph for each of these tiny networks would take most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_every_kind_that_can_be_asked_for_has_a_model_and_is_in_the_matrix() -> None:
    assert set(MODELS) == set(KINDS) == set(SMALL)


def _matrix() -> list[Any]:
    """Every kind with every shape that it takes; of the slow ones a third counts as quick enough for every day."""
    found = []
    for kind in sorted(SMALL):
        for place, shapes in enumerate(SHAPES):
            rare = kind in SLOW and place % (len(STEPS) + 1) != 0
            if _fits(kind, *shapes):
                found.append(pytest.param(kind, *shapes, marks=[pytest.mark.integration] if rare else []))
    return found


@pytest.mark.parametrize("kind, inputs, outputs", _matrix())
def test_f63_every_model_trains_forecasts_saves_and_reloads_for_every_shape(
    kind: str, inputs: tuple[int, int], outputs: tuple[int, int], tmp_path: Path, make_data: MakeData
) -> None:
    data = make_data(input_shape=inputs, output_shape=outputs)
    parameters = parse_model({"kind": kind, **SMALL[kind]})
    check_sizes(parameters, inputs, outputs, len(data.inputs))
    model = model_class(kind)(parameters)

    history = model.fit(data, lambda _: None)
    forecast = model.predict(data.validation_inputs)
    path = model.save(tmp_path)
    reloaded = model_class(kind).load(tmp_path, parameters, outputs)

    assert len(history.epochs) == history.epochs_requested if history.epochs_requested else history.epochs
    assert orjson.dumps([history.epochs, history.chosen])
    assert forecast.shape == (len(data.validation_inputs), *outputs)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name] == [model.file_name]
    assert np.array_equal(reloaded.predict(data.validation_inputs), forecast)
    assert reloaded.weight_count == model.weight_count > 0


def test_f63_only_reference_variants_refuse_a_shape_and_they_do_it_by_name() -> None:
    picky = {kind for kind in SMALL if not all(_fits(kind, *shapes) for shapes in SHAPES)}

    assert picky == {"CNN2D", "LinearStepwise", "SVRStepwise"}
    for kind in picky:
        with pytest.raises(ProblemError, match=kind) as raised:
            check_sizes(parse_model({"kind": kind}), (6, 1), (4, 1), 100)
        assert raised.value.problem.category is Category.DATA_VALIDATION
