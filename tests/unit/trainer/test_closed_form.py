"""NLinear and DLinear: one linear map from a target's own window, by ridge regression in closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from services.trainer.models import closed_form
from services.trainer.models.base import Forecaster, History, TrainingData
from services.trainer.models.closed_form import DLinear, NLinear, moving_average
from services.trainer.models.columns import Columns, OwnPast
from services.trainer.models.ridge import NormalEquations
from shared.problems import Category, ProblemError
from shared.series.parameters.linear import DLinearParameters, NLinearParameters
from tests.unit.trainer.conftest import MakeData

OWN = Columns((OwnPast(0, 1.0, 0.0), OwnPast(1, 2.0, -0.5)))


def _trained(model: Forecaster, data: TrainingData) -> tuple[np.ndarray, History]:
    history = model.fit(data, lambda _: None)
    return model.predict(data.validation_inputs), history


def _nlinear(**parameters: Any) -> NLinear:
    return NLinear(NLinearParameters(**{"ridge": 0.0, "covariates": "none", **parameters}))


@pytest.fixture
def data(make_data: MakeData) -> TrainingData:
    return replace(make_data(count=120, input_shape=(5, 3), output_shape=(4, 2)), columns=OWN)


def _own(inputs: np.ndarray, target: int) -> np.ndarray:
    own = OWN.own[target]
    assert own is not None
    return own.slope * inputs[..., own.column].astype(np.float64) + own.intercept


def _only(data: TrainingData, target: int) -> TrainingData:
    """The data for one target alone, as jobs have them."""
    chosen = slice(target, target + 1)
    return replace(
        data,
        targets=data.targets[..., chosen],
        validation_targets=data.validation_targets[..., chosen],
        columns=replace(OWN, own=OWN.own[chosen]),
    )


@pytest.mark.parametrize("target", [0, 1])
def test_nlinear_maps_the_window_minus_its_last_value_and_adds_it_back(target: int, data: TrainingData) -> None:
    forecast, _ = _trained(_nlinear(), _only(data, target))

    window, new = _own(data.inputs, target), _own(data.validation_inputs, target)
    rows, values = window - window[:, -1:], data.targets[..., target] - window[:, -1:]
    regression = LinearRegression(fit_intercept=False).fit(rows, values)
    expected = regression.predict(new - new[:, -1:]) + new[:, -1:]
    assert np.allclose(forecast[..., 0], expected, atol=1e-9)


def test_several_targets_share_one_map_that_is_learned_from_all_of_them(data: TrainingData) -> None:
    model = _nlinear()
    forecast, _ = _trained(model, data)

    windows = [_own(data.inputs, target) for target in range(2)]
    rows = np.concatenate([window - window[:, -1:] for window in windows])
    values = np.concatenate([data.targets[..., target] - windows[target][:, -1:] for target in range(2)])
    regression = LinearRegression(fit_intercept=False).fit(rows, values)
    new = _own(data.validation_inputs, 1)
    assert np.allclose(forecast[..., 1], regression.predict(new - new[:, -1:]) + new[:, -1:], atol=1e-9)
    assert model.weight_count == (5 + 1) * 4


def test_a_level_that_has_shifted_shifts_nlinears_forecast_by_as_much(data: TrainingData) -> None:
    model = _nlinear()
    _trained(model, data)

    moved = model.predict(data.validation_inputs + np.float32(3.0))[..., 0]

    assert np.allclose(moved, model.predict(data.validation_inputs)[..., 0] + 3.0, atol=1e-5)


def test_what_has_not_moved_is_forecast_to_stay_whatever_drift_the_training_part_had(data: TrainingData) -> None:
    model = _nlinear()
    _trained(model, replace(data, targets=data.targets + np.float32(5.0)))

    still = np.full((1, 5, 3), 2.0, dtype=np.float32)

    assert np.allclose(model.predict(still)[..., 0], _own(still, 0)[:, -1:], atol=1e-9)


def test_dlinear_maps_the_moving_average_and_the_remainder(data: TrainingData) -> None:
    parameters = DLinearParameters(ridge=0.01, covariates="none", average_steps=3)
    forecast, _ = _trained(DLinear(parameters), _only(data, 0))

    def seen(inputs: np.ndarray) -> np.ndarray:
        window = _own(inputs, 0)
        padded = np.pad(window, ((0, 0), (1, 1)), mode="edge")
        trend = np.stack([padded[:, k : k + 3].mean(axis=1) for k in range(5)], axis=1)
        return np.hstack([trend, window - trend])

    rows = seen(data.inputs)
    ridge = Ridge(alpha=0.01 * len(rows) * rows.var(axis=0).mean()).fit(rows, data.targets[..., 0])
    assert np.allclose(forecast[..., 0], ridge.predict(seen(data.validation_inputs)), atol=1e-9)


@pytest.mark.parametrize("steps, width", [(1, 1), (6, 3), (6, 4), (3, 25)])
def test_a_moving_average_leaves_a_constant_as_it_is(steps: int, width: int) -> None:
    assert np.allclose(moving_average(steps, width) @ np.full(steps, 7.0), 7.0)


def test_other_columns_are_seen_where_that_is_better_on_the_validation_part(make_data: MakeData) -> None:
    """The targets depend on all three columns; then on the own one alone, with few windows to learn noise from."""
    data = replace(make_data(count=400, input_shape=(5, 3), output_shape=(4, 1)), columns=OWN)
    weights = np.random.default_rng(2).standard_normal((5, 4)).astype(np.float32)

    def moved(inputs: np.ndarray) -> np.ndarray:
        last = inputs[:, -1:, 0]
        return last + (inputs[..., 0] - last) @ weights

    noise = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    alone = replace(
        data,
        inputs=data.inputs[:40],
        targets=(moved(data.inputs[:40]) + noise)[..., None],
        validation_targets=moved(data.validation_inputs)[..., None],
    )

    chosen = [_trained(_nlinear(ridge=None, covariates="auto"), one)[1].chosen for one in (data, alone)]

    assert [one["covariates"] for one in chosen] == ["all", "none"]


def test_the_penalty_is_the_best_on_the_validation_part(data: TrainingData) -> None:
    losses = {}
    for ridge in (1e-6, 1e-3, 1.0, 100.0):
        _, history = _trained(_nlinear(ridge=ridge), data)
        losses[ridge] = history.epochs[0].val_loss

    _, history = _trained(_nlinear(ridge=None), data)

    best = history.epochs[0].val_loss
    assert best is not None
    assert all(loss is not None and best <= loss for loss in losses.values())
    assert history.chosen["ridge"] in closed_form._RIDGES


def test_a_penalty_too_small_to_help_is_as_none(data: TrainingData) -> None:
    still = replace(data, inputs=np.repeat(data.inputs[:, :1], 5, axis=1))

    forecast, _ = _trained(_nlinear(ridge=1e-20, covariates="all"), still)

    assert np.isfinite(forecast).all()


def test_without_validation_windows_there_is_nothing_to_choose_by(data: TrainingData) -> None:
    alone = replace(data, validation_inputs=data.inputs[:0], validation_targets=data.targets[:0])

    history = _nlinear(ridge=None, covariates="auto").fit(alone, lambda _: None)

    assert history.chosen == {"ridge": 1e-3, "covariates": "all"}
    assert history.epochs[0].val_loss is None


def test_a_target_whose_past_is_not_among_the_inputs_is_forecast_from_the_other_columns(make_data: MakeData) -> None:
    data = make_data(count=200)

    forecast, history = _trained(_nlinear(ridge=None, covariates="auto"), data)

    assert history.chosen["covariates"] == "all"
    assert np.mean((forecast - data.validation_targets) ** 2) < 0.01 * data.validation_targets.var()


def test_asked_to_use_the_own_past_alone_where_there_is_none_it_refuses(make_data: MakeData) -> None:
    with pytest.raises(ProblemError, match="own past") as raised:
        _nlinear().fit(make_data(), lambda _: None)

    assert raised.value.problem.category is Category.DATA_VALIDATION


def test_rows_in_blocks_give_what_rows_at_once_give(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, _ = _trained(_nlinear(ridge=0.1, covariates="all"), data)

    monkeypatch.setattr(closed_form, "_VALUES_AT_ONCE", 100)
    in_blocks, _ = _trained(_nlinear(ridge=0.1, covariates="all"), data)

    assert np.allclose(in_blocks, at_once, atol=1e-10)


def test_columns_that_never_vary_do_no_harm() -> None:
    rows = np.column_stack([np.arange(10.0), np.full(10, 3.0)])

    for ridge in (0.0, 1e-9):
        found = NormalEquations(iter([(rows, 2 * rows[:, :1] + 1)])).solve(ridge)
        assert np.allclose(found(rows)[:, 0], 2 * np.arange(10.0) + 1)
    flat = NormalEquations(iter([(np.zeros((4, 2)), np.full((4, 1), 5.0))])).solve(1.0)
    assert np.allclose(flat(np.zeros((1, 2))), 5.0)
