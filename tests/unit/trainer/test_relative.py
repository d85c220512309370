"""Networks relative to the mean of a target's own window: the arithmetic, and when it is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.trainer.models.base import Forecaster, History, TrainingData
from services.trainer.models.cnn import CNN
from services.trainer.models.columns import Columns, OwnPast
from services.trainer.models.dense import Dense
from services.trainer.models.given_maps import relative_to_windows
from services.trainer.models.lstm import LSTM
from services.trainer.models.relative import is_relative
from shared.series.parameters.neural import CNNParameters, DenseParameters, LSTMParameters
from tests.unit.trainer.conftest import MakeData

OWN = Columns((OwnPast(column=1, slope=2.0, intercept=-0.5), None))
TINY = {"layers": 1, "epochs": 2, "batch_size": 16}
NETWORKS = [
    (Dense, DenseParameters(units=4, normalization="window", **TINY)),
    (CNN, CNNParameters(filters=4, normalization="window", **TINY)),
    (LSTM, LSTMParameters(units=4, normalization="window", **TINY)),
]


@pytest.fixture
def data(make_data: MakeData) -> TrainingData:
    return replace(make_data(count=120, input_shape=(5, 3), output_shape=(4, 2)), columns=OWN)


@pytest.mark.parametrize(("kind", "parameters"), NETWORKS)
def test_what_is_learned_does_not_depend_on_the_level(
    kind: type[Forecaster], parameters: DenseParameters, data: TrainingData, tmp_path: Path
) -> None:
    """A target's own column 7 higher: its forecast is 7 slopes higher; the target without a past stays the same."""
    model = kind(parameters)
    model.fit(data, lambda _: None)
    higher = data.validation_inputs.copy()
    higher[..., 1] += 7.0

    difference = model.predict(higher) - model.predict(data.validation_inputs)

    assert np.allclose(difference[..., 0], 14.0, atol=1e-4)
    assert np.allclose(difference[..., 1], 0.0, atol=1e-4)
    model.save(tmp_path)
    loaded = kind.load(tmp_path, parameters, (4, 2))
    assert np.array_equal(loaded.predict(higher), model.predict(higher))
    assert loaded.weight_count == model.weight_count


def test_an_untrained_network_forecasts_the_windows_means(data: TrainingData) -> None:
    network = Dense(DenseParameters(layers=1, units=4)).network((5, 3), (4, 2), OWN)

    forecast = relative_to_windows(network, (5, 3), (4, 2), OWN).predict(data.inputs, verbose=0)

    assert np.allclose(forecast[..., 0], 2.0 * data.inputs[..., 1].mean(axis=1, keepdims=True) - 0.5, atol=1e-6)
    assert not np.any(forecast[..., 1])


def _series(*, level_matters: bool) -> TrainingData:
    """A daily cycle on a level that walks; where the level matters, the next steps return to zero from it."""
    random = np.random.default_rng(4)
    hours = np.arange(3000)
    level = np.cumsum(random.normal(0, 0.1, len(hours)))
    cycle = np.sin(hours * np.pi / 6)
    windows = np.lib.stride_tricks.sliding_window_view((level + cycle).astype(np.float32), 15)
    inputs, targets = windows[:, :12, None], windows[:, 12:, None].copy()
    if level_matters:
        targets -= inputs.mean(axis=1, keepdims=True)
    half = len(inputs) // 2
    past = Columns((OwnPast(0, 1.0, 0.0),))
    return TrainingData(inputs[:half], targets[:half], inputs[half:], targets[half:], past)


@pytest.mark.parametrize(("level_matters", "chosen"), [(False, "window"), (True, "none")])
def test_auto_is_relative_where_the_level_says_nothing_by_itself(level_matters: bool, chosen: str) -> None:
    history = History(lambda _: None, DenseParameters())

    assert is_relative(DenseParameters(), _series(level_matters=level_matters), history) == (chosen == "window")

    assert history.chosen == {"normalization": chosen}


def test_without_a_validation_part_or_a_past_auto_leaves_the_windows_as_they_are(make_data: MakeData) -> None:
    data = _series(level_matters=False)
    undecided = replace(data, validation_inputs=data.validation_inputs[:0], validation_targets=data.targets[:0])

    assert not is_relative(DenseParameters(), undecided, History(lambda _: None, DenseParameters()))
    assert not is_relative(DenseParameters(), make_data(), History(lambda _: None, DenseParameters()))


def test_f65_a_choice_without_a_past_to_be_relative_to_is_noted(make_data: MakeData) -> None:
    history = Dense(DenseParameters(units=4, normalization="window", **TINY)).fit(make_data(), lambda _: None)

    assert [warning for warning in history.warnings if "no target's past is among the inputs" in warning]
    assert "normalization" not in history.chosen
