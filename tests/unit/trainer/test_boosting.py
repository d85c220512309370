"""LightGBM: a booster for each step, or one with the step as a feature; bounded in rows and time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.trainer.models.base import Epoch, History, TrainingData
from services.trainer.models.boosting import LightGBM
from shared.series.parameters.trees import LightGBMParameters
from tests.unit.trainer.conftest import MakeData

STRATEGIES = pytest.mark.parametrize("strategy", ["direct", "step"])


@pytest.fixture
def data(make_data: MakeData) -> TrainingData:
    return make_data(count=400, input_shape=(4, 2), output_shape=(3, 2))


def _trained(data: TrainingData, *, deadline: float | None = None, **parameters: Any) -> tuple[LightGBM, History]:
    model = LightGBM(LightGBMParameters(**{"trees": 60, "least_samples": 5, "learning_rate": 0.1, **parameters}))
    return model, model.fit(data, lambda _: None, deadline=deadline)


@STRATEGIES
def test_it_learns_every_step_of_every_target(strategy: str, data: TrainingData) -> None:
    model, _ = _trained(data, strategy=strategy)

    errors = model.predict(data.validation_inputs) - data.validation_targets
    share = np.mean(errors**2, axis=0) / data.validation_targets.var(axis=0)

    assert share.shape == (3, 2)
    assert np.all(share < 0.6)


@STRATEGIES
def test_f75_the_same_seed_gives_the_same_numbers_and_another_one_does_not(strategy: str, data: TrainingData) -> None:
    first = _trained(data, strategy=strategy, seed=3)[0].predict(data.validation_inputs)

    assert np.array_equal(_trained(data, strategy=strategy, seed=3)[0].predict(data.validation_inputs), first)
    assert not np.array_equal(_trained(data, strategy=strategy, seed=4)[0].predict(data.validation_inputs), first)


@pytest.mark.parametrize("strategy, boosters", [("direct", 6), ("step", 2)])
def test_f78_each_booster_is_told_with_its_losses(strategy: str, boosters: int, data: TrainingData) -> None:
    told: list[Epoch] = []
    model = LightGBM(LightGBMParameters(strategy=strategy, trees=5, least_samples=5))

    model.fit(data, told.append)

    ends = [epoch for epoch in told if epoch.part is None]
    assert [(epoch.epoch, epoch.epochs) for epoch in ends] == [(n + 1, boosters) for n in range(boosters)]
    errors = model.predict(data.validation_inputs) - data.validation_targets
    assert np.mean([epoch.val_loss for epoch in ends if epoch.val_loss]) == pytest.approx(np.mean(errors**2), rel=1e-5)


def test_f78_the_only_booster_is_told_of_while_it_grows(data: TrainingData) -> None:
    told: list[Epoch] = []
    alone = replace(data, targets=data.targets[..., :1], validation_targets=data.validation_targets[..., :1])

    LightGBM(LightGBMParameters(strategy="step", trees=50, least_samples=5, patience=50)).fit(alone, told.append)

    shares = [epoch.share for epoch in told]
    assert len(told) == 50
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_best_number_of_trees_on_the_validation_part_is_kept(data: TrainingData) -> None:
    """Validation targets that have nothing to do with the training ones: the fewer trees the better."""
    model, history = _trained(replace(data, validation_targets=-data.validation_targets), patience=3)
    usual, _ = _trained(data)

    assert model.weight_count < usual.weight_count / 5
    assert history.epochs[0].val_loss is not None


def test_without_validation_windows_all_trees_are_kept(data: TrainingData) -> None:
    alone = replace(data, validation_inputs=data.inputs[:0], validation_targets=data.targets[:0])

    model, history = _trained(alone, trees=7)

    assert all(booster.num_trees() == 7 for booster in model._boosters)
    assert history.epochs[0].val_loss is None


@pytest.mark.parametrize("strategy, what", [("direct", "300 windows"), ("step", "900 pairs")])
def test_of_too_many_rows_some_are_drawn_and_the_user_is_told(strategy: str, what: str, data: TrainingData) -> None:
    _, history = _trained(data, strategy=strategy, max_samples=100)

    assert len(history.warnings) == 1
    assert f"100 of {what}" in history.warnings[0]


@pytest.mark.parametrize(
    "strategy, count, constant",
    [("direct", 1, False), ("direct", 10, False), ("direct", 100, True), ("step", 1, False), ("step", 10, False)],
)
def test_windows_that_nothing_can_be_learned_from_give_the_targets_mean(
    strategy: str, count: int, constant: bool, data: TrainingData
) -> None:
    """One window, fewer than two leaves need, or inputs that are all the same."""
    inputs, targets = data.inputs[:count], data.targets[:count]
    few = TrainingData(np.ones_like(inputs) if constant else inputs, targets, inputs, targets)

    model, _ = _trained(few, strategy=strategy, least_samples=20)

    mean = targets.mean(axis=0 if strategy == "direct" else (0, 1))
    assert np.allclose(model.predict(inputs), mean, rtol=0, atol=1e-6)


def test_training_ends_when_its_time_is_over_with_a_booster_for_every_step(data: TrainingData) -> None:
    model, history = _trained(data, trees=10_000, patience=10_000, deadline=time.monotonic() + 0.05)

    assert model.predict(data.validation_inputs).shape == (100, 3, 2)
    assert history.warnings == ["The time limit ended 6 of 6 boosters early."]
