"""The training loop that all networks share, seen on Dense: early stopping, repeatability, and failing to converge."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from services.trainer.models.base import TrainingData
from services.trainer.models.columns import Columns
from services.trainer.models.dense import Dense
from shared.problems import Category, ProblemError
from shared.series.parameters.neural import DenseParameters
from tests.unit.trainer.conftest import MakeData

TINY: dict[str, Any] = {"layers": 1, "units": 8, "epochs": 3, "batch_size": 16}


def _trained(data: TrainingData, **parameters: Any) -> np.ndarray:
    model = Dense(DenseParameters(**{**TINY, **parameters}))
    model.fit(data, lambda _: None)
    return model.predict(data.validation_inputs)


def test_it_flattens_the_window_and_its_last_kernel_starts_at_zero() -> None:
    network = Dense(DenseParameters(layers=[7, 5], activation="tanh")).network((4, 2), (3, 2), Columns())

    dense = [layer for layer in network.layers if hasattr(layer, "units")]
    assert [layer.units for layer in dense] == [7, 5, 6]
    assert [layer.activation.__name__ for layer in dense] == ["tanh", "tanh", "linear"]
    assert np.any(dense[0].kernel.numpy())
    assert not np.any(dense[-1].kernel.numpy())
    assert network.output_shape == (None, 3, 2)


def test_f75_the_same_seed_gives_the_same_numbers_and_another_one_does_not(make_data: MakeData) -> None:
    data = make_data()

    first = _trained(data, seed=3)

    assert np.array_equal(_trained(data, seed=3), first)
    assert not np.array_equal(_trained(data, seed=4), first)


def test_how_many_small_batches_are_learned_from_at_once_changes_no_number(
    make_data: MakeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data()
    assert len(data.inputs) % 16, "the last batch is smaller"
    at_once = Dense(DenseParameters(**TINY)).steps_at_once(data)
    assert at_once > 1
    batches = -(-len(data.inputs) // 16)
    assert batches % at_once, "nor does it come out even"
    many = _trained(data)

    monkeypatch.setattr(Dense, "steps_at_once", lambda *_: 1)

    assert np.array_equal(_trained(data), many)


def test_large_batches_are_learned_from_one_by_one(make_data: MakeData) -> None:
    """So that time limits and progress need not wait for many of them."""
    assert Dense(DenseParameters(units=4096, batch_size=65536)).steps_at_once(make_data()) <= 2


def test_f66_a_model_trained_in_between_changes_nothing(make_data: MakeData) -> None:
    data, other = make_data(), make_data(input_shape=(2, 5), output_shape=(1, 2))
    model = Dense(DenseParameters(**TINY))
    model.fit(data, lambda _: None)
    before = model.predict(data.validation_inputs)

    _trained(other, activation="sigmoid", seed=9)

    assert np.array_equal(model.predict(data.validation_inputs), before)
    assert np.array_equal(_trained(data), before)


def test_early_stopping_keeps_the_best_weights(make_data: MakeData) -> None:
    """With validation targets that have nothing to do with the training ones, learning makes it worse."""
    data = make_data(count=96)
    data = replace(data, validation_targets=-data.validation_targets)
    model = Dense(DenseParameters(layers=1, units=8, epochs=30, batch_size=4, learning_rate=0.01, patience=2))

    history = model.fit(data, lambda _: None)

    losses = [epoch.val_loss for epoch in history.epochs if epoch.val_loss is not None]
    assert history.epochs_requested == 30
    assert len(losses) == int(np.argmin(losses)) + 3 < 30
    kept = float(np.mean((model.predict(data.validation_inputs) - data.validation_targets) ** 2))
    assert kept == pytest.approx(min(losses), rel=1e-5)


def test_epochs_are_told_one_by_one(make_data: MakeData) -> None:
    told: list[tuple[int, int]] = []
    Dense(DenseParameters(**TINY)).fit(make_data(), lambda epoch: told.append((epoch.epoch, epoch.epochs)))

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_loss_that_is_no_number_ends_the_training_with_the_last_losses(make_data: MakeData) -> None:
    data = make_data()
    broken = replace(data, validation_targets=np.full_like(data.validation_targets, np.nan))

    with pytest.raises(ProblemError) as raised:
        _trained(broken, epochs=50)

    problem = raised.value.problem
    assert problem.category is Category.MODEL_CONVERGENCE
    assert "epoch 1" in problem.detail
    assert any("learning_rate" in advice for advice in problem.recovery)


def test_an_exploding_learning_rate_is_a_problem_with_the_last_losses(make_data: MakeData) -> None:
    with pytest.raises(ProblemError) as raised:
        _trained(make_data(count=400), layers=3, units=64, epochs=4, learning_rate=10.0)

    problem = raised.value.problem
    assert problem.category is Category.MODEL_CONVERGENCE
    assert problem.technical_details is not None
    losses = problem.technical_details["last_losses"]
    assert losses
    assert f"{losses[-1]:.4g}" in problem.detail
    assert problem.technical_details["last_val_losses"]
    assert json.dumps(problem.model_dump(mode="json"), allow_nan=False)


def test_what_is_advised_first_after_an_explosion_converges(make_data: MakeData) -> None:
    wild = {"layers": 3, "units": 64, "epochs": 4, "learning_rate": 10.0}
    with pytest.raises(ProblemError) as raised:
        _trained(make_data(count=400), **wild)

    assert raised.value.problem.recovery[0] == "Lower learning_rate from 10 to 0.001."
    assert raised.value.problem.technical_details is not None
    first = raised.value.problem.technical_details["changes"][0]
    _trained(make_data(count=400), **{**wild, **first["set"]})


def test_memory_that_tensorflow_cannot_get_is_a_memory_error(
    make_data: MakeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data()
    model = Dense(DenseParameters(**TINY))
    model.fit(data, lambda _: None)

    def exhausted(*_: Any, **__: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(model._model, "predict", exhausted)
    with pytest.raises(MemoryError, match="OOM"):
        model.predict(data.inputs)


def test_training_ends_when_its_time_is_over_with_the_best_weights_and_a_warning(make_data: MakeData) -> None:
    model = Dense(DenseParameters(**{**TINY, "epochs": 500, "patience": 500}, time_limit_seconds=900))
    data = make_data()

    history = model.fit(data, lambda _: None, deadline=time.monotonic())

    assert len(history.epochs) == 1
    assert history.warnings == ["The time limit ended training in epoch 1 of 500."]
    kept = float(np.mean((model.predict(data.validation_inputs) - data.validation_targets) ** 2))
    assert kept == pytest.approx(history.epochs[0].val_loss, rel=1e-5)
