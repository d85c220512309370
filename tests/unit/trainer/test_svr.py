"""Support vector machines: equal to scikit-learn's, bounded in rows and time, kept as plain arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from services.trainer.models import svr
from services.trainer.models.base import Epoch, TrainingData
from services.trainer.models.svr import SVRMIMO, SVRDirect
from shared.series.parameters.kernel import SVRDirectParameters, SVRMIMOParameters
from tests.unit.trainer.conftest import MakeData


def _flat(windows: np.ndarray) -> np.ndarray:
    return windows.reshape(len(windows), -1).astype(np.float64)


@pytest.fixture
def data(make_data: MakeData) -> TrainingData:
    return make_data(count=120, input_shape=(4, 2), output_shape=(3, 2))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel": "rbf", "C": 10.0, "epsilon": 0.01},
        {"kernel": "linear", "epsilon": 0.02},
        {"kernel": "sigmoid", "gamma": 0.05},
        {"kernel": "rbf", "gamma": "auto"},
        {"kernel": "poly", "degree": 2, "coef0": 0.5},
    ],
)
def test_each_step_and_target_has_scikit_learns_machine_behind_a_standard_scaler(
    settings: dict[str, Any], data: TrainingData
) -> None:
    model = SVRDirect(SVRDirectParameters(**settings))

    model.fit(data, lambda _: None)

    forecast = model.predict(data.validation_inputs)
    for step in range(3):
        for target in range(2):
            machine = make_pipeline(StandardScaler(), SVR(**{"kernel": "poly", "coef0": 1.0, **settings}))
            machine.fit(_flat(data.inputs), data.targets[:, step, target].astype(np.float64))
            expected = machine.predict(_flat(data.validation_inputs))
            np.testing.assert_allclose(forecast[:, step, target], expected, atol=5e-3)


def test_mimo_is_one_machine_for_all_steps_of_a_target(data: TrainingData) -> None:
    model = SVRMIMO(SVRMIMOParameters(kernel="rbf", C=100.0, epsilon=0.01))
    told: list[Epoch] = []

    model.fit(data, told.append)

    assert [(epoch.epoch, epoch.epochs) for epoch in told] == [(1, 2), (2, 2)]
    errors = model.predict(data.validation_inputs) - data.validation_targets
    by_step = np.mean(errors**2, axis=0) / data.validation_targets.var(axis=0)
    assert by_step.shape == (3, 2)
    assert np.all(by_step < 0.5)
    assert by_step.mean() < 0.2


def test_mimo_learns_more_pairs_than_windows_and_tells_steps_apart(make_data: MakeData) -> None:
    """Each step's target is a constant of its own."""
    data = make_data(count=200, output_shape=(3, 1))
    levels = np.array([0.0, 1.0, 0.5], dtype=np.float32)[None, :, None]
    data = replace(data, targets=np.repeat(levels, len(data.targets), axis=0))
    model = SVRMIMO(SVRMIMOParameters(kernel="rbf", C=100.0, epsilon=0.01))

    model.fit(data, lambda _: None)

    assert np.allclose(model.predict(data.validation_inputs).mean(axis=0), levels[0], atol=0.05)


@pytest.mark.parametrize("kind, what", [(SVRDirect, "90 windows"), (SVRMIMO, "540 pairs")])
def test_of_too_many_rows_some_are_drawn_by_the_seed_and_the_user_is_told(
    kind: type[svr.KernelMachines], what: str, make_data: MakeData
) -> None:
    parameters = SVRDirectParameters if kind is SVRDirect else SVRMIMOParameters
    data = make_data(count=120, output_shape=(6, 1))

    def trained(seed: int) -> tuple[np.ndarray, list[str]]:
        model = kind(parameters(seed=seed, max_samples=50))
        history = model.fit(data, lambda _: None)
        return model.predict(data.validation_inputs), history.warnings

    forecast, warnings = trained(1)

    assert len(warnings) == 1
    assert f"50 of {what}" in warnings[0]
    assert "max_samples" in warnings[0]
    assert np.array_equal(trained(1)[0], forecast)
    assert not np.array_equal(trained(2)[0], forecast)


def test_ninety_thousand_windows_take_no_more_than_the_limit(make_data: MakeData) -> None:
    data = make_data(count=120_000, input_shape=(2, 1), output_shape=(2, 1))
    model = SVRDirect(SVRDirectParameters(max_samples=100))

    history = model.fit(data, lambda _: None)

    assert "100 of 90000 windows" in history.warnings[0]
    assert len(model._arrays["rows"]) <= 100
    assert model.predict(data.validation_inputs).shape == (30_000, 2, 1)


def test_a_machine_that_cannot_be_solved_in_time_stops_and_says_so(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(svr, "_ITERATIONS", (1, 5))
    model = SVRDirect(SVRDirectParameters(C=1e6, epsilon=0.0))

    history = model.fit(data, lambda _: None)

    assert "6 of 6 machines" in history.warnings[0]
    assert "5 iterations" in history.warnings[0]


def test_a_constant_target_is_forecast_as_its_constant(data: TrainingData) -> None:
    data = replace(data, targets=np.full_like(data.targets, 0.25))
    model = SVRDirect(SVRDirectParameters())

    model.fit(data, lambda _: None)

    assert np.allclose(model.predict(data.validation_inputs), 0.25)


def test_forecasting_in_blocks_is_the_same_as_at_once(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SVRMIMO(SVRMIMOParameters(max_samples=60))
    model.fit(data, lambda _: None)
    at_once = model.predict(data.inputs)

    monkeypatch.setattr(svr, "_VALUES_AT_ONCE", 300)

    assert np.allclose(model.predict(data.inputs), at_once, atol=1e-12)
