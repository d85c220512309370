"""Linear: ordinary least squares, with an optional ridge term, kept without pickle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

from services.trainer.models.base import Epoch, TrainingData
from services.trainer.models.linear import Linear
from shared.series.parameters.linear import LinearParameters
from tests.unit.trainer.conftest import MakeData


def _with_ones(inputs: np.ndarray) -> np.ndarray:
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    return np.hstack([flat, np.ones((len(flat), 1))])


def test_it_is_least_squares_from_the_flattened_window_to_all_outputs(make_data: MakeData) -> None:
    data = make_data(count=200, input_shape=(6, 3), output_shape=(4, 2))
    model = Linear(LinearParameters())
    model.fit(data, lambda _: None)

    targets = data.targets.reshape(len(data.targets), -1).astype(np.float64)
    weights = np.linalg.lstsq(_with_ones(data.inputs), targets, rcond=None)[0]
    expected = (_with_ones(data.validation_inputs) @ weights).reshape(-1, 4, 2)

    assert np.allclose(model.predict(data.validation_inputs), expected, rtol=0, atol=1e-9)
    assert model.weight_count == (6 * 3 + 1) * 4 * 2


def test_ridge_is_the_closed_form_with_a_free_intercept(make_data: MakeData) -> None:
    data = make_data(count=80)
    model = Linear(LinearParameters(ridge=2.5))
    model.fit(data, lambda _: None)

    x = data.inputs.reshape(len(data.inputs), -1).astype(np.float64)
    y = data.targets.reshape(len(data.targets), -1).astype(np.float64)
    centred = x - x.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + 2.5 * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
    new = data.validation_inputs.reshape(len(data.validation_inputs), -1)
    expected = ((new - x.mean(axis=0)) @ weights + y.mean(axis=0)).reshape(-1, 3, 1)

    assert np.allclose(model.predict(data.validation_inputs), expected, rtol=0, atol=1e-9)


def test_its_one_epoch_has_the_mean_squared_errors_of_both_parts(make_data: MakeData) -> None:
    data = make_data()
    told: list[Epoch] = []
    model = Linear(LinearParameters())
    history = model.fit(data, told.append)

    forecast = model.predict(data.validation_inputs)
    assert told == history.epochs
    assert [(epoch.epoch, epoch.epochs) for epoch in told] == [(1, 1)]
    assert told[0].val_loss == pytest.approx(float(np.mean((forecast - data.validation_targets) ** 2)))
    assert history.epochs_requested is None


def test_without_validation_windows_there_is_no_validation_loss(make_data: MakeData) -> None:
    data = make_data()
    alone = TrainingData(data.inputs, data.targets, data.inputs[:0], data.targets[:0])

    history = Linear(LinearParameters()).fit(alone, lambda _: None)

    assert history.epochs[0].val_loss is None


def test_a_model_file_with_a_foreign_type_is_refused(tmp_path: Path) -> None:
    skops.io.dump(FunctionTransformer(os.system), tmp_path / Linear.file_name)
    with pytest.raises(UntrustedTypesFoundException):
        Linear.load(tmp_path, LinearParameters(), (3, 1))

    skops.io.dump(StandardScaler(), tmp_path / Linear.file_name)
    with pytest.raises(ValueError, match="StandardScaler"):
        Linear.load(tmp_path, LinearParameters(), (3, 1))
