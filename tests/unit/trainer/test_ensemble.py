"""An ensemble: the best members on the validation part, weighted there; what cannot work is left out and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.trainer.child.job import run_job
from services.trainer.models.base import Epoch, History, TrainingData
from services.trainer.models.ensemble import Ensemble
from services.trainer.models.registry import model_class
from shared.problems import Category, ProblemError
from shared.series.model_parameters import parse_model
from tests.unit.trainer.conftest import MakeData

LINEAR: dict[str, Any] = {"kind": "Linear"}
WEAK: dict[str, Any] = {"kind": "Linear", "ridge": 1e6}
TREES: dict[str, Any] = {"kind": "LightGBM", "trees": 30, "least_samples": 5, "learning_rate": 0.1}
MACHINES: dict[str, Any] = {"kind": "SVRDirect", "kernel": "rbf", "C": 10.0, "epsilon": 0.01}
HOPELESS: dict[str, Any] = {"kind": "NLinear", "covariates": "none"}
"""These windows do not hold the target's own past."""


@pytest.fixture
def data(make_data: MakeData) -> TrainingData:
    """Linear in the inputs, but for a bend that only trees and kernels follow."""
    straight = make_data(count=400, input_shape=(4, 2), output_shape=(3, 2))

    def bent(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return (targets + 2 * np.abs(inputs[:, :1, :1] - 0.5)).astype(np.float32)

    return replace(
        straight,
        targets=bent(straight.inputs, straight.targets),
        validation_targets=bent(straight.validation_inputs, straight.validation_targets),
    )


def _ensemble(*members: dict[str, Any], **parameters: Any) -> Ensemble:
    return Ensemble(parse_model({"kind": "Ensemble", "members": list(members), **parameters}))


def _trained(data: TrainingData, *members: dict[str, Any], **parameters: Any) -> tuple[Ensemble, History]:
    model = _ensemble(*members, **parameters)
    return model, model.fit(data, lambda _: None)


def _alone(data: TrainingData, member: dict[str, Any]) -> np.ndarray:
    parameters = parse_model(member)
    model = model_class(parameters.kind)(parameters)
    model.fit(data, lambda _: None)
    return model.predict(data.validation_inputs)


def _error(forecast: np.ndarray, data: TrainingData) -> float:
    return float(np.mean((forecast - data.validation_targets) ** 2))


def test_it_forecasts_the_mean_of_its_members_weighted_by_their_inverse_errors(data: TrainingData) -> None:
    model, history = _trained(data, LINEAR, MACHINES)

    forecasts = [_alone(data, LINEAR), _alone(data, MACHINES)]
    inverse = [1 / _error(forecast, data) for forecast in forecasts]
    weights = [one / sum(inverse) for one in inverse]
    expected = weights[0] * forecasts[0] + weights[1] * forecasts[1]
    assert [member["weight"] for member in history.chosen["members"]] == pytest.approx(weights)
    assert np.allclose(model.predict(data.validation_inputs), expected, rtol=0, atol=1e-9)


def test_members_that_err_differently_are_better_together(data: TrainingData) -> None:
    members = [{**MACHINES, "max_samples": 40, "seed": seed} for seed in range(3)]

    model, history = _trained(data, *members)

    best = min(member["val_loss"] for member in history.chosen["members"])
    assert _error(model.predict(data.validation_inputs), data) < best


def test_no_more_than_size_are_kept_and_these_are_the_best(data: TrainingData) -> None:
    model, history = _trained(data, WEAK, LINEAR, TREES, MACHINES, size=1)

    told = history.chosen["members"]
    alone = [_error(_alone(data, member), data) for member in (WEAK, LINEAR, TREES, MACHINES)]
    assert [member["kind"] for member in told] == ["Linear", "Linear", "LightGBM", "SVRDirect"]
    assert [member["val_loss"] for member in told] == pytest.approx(alone)
    assert [member["weight"] for member in told] == [float(error == min(alone)) for error in alone]
    assert np.array_equal(
        model.predict(data.validation_inputs), _alone(data, [WEAK, LINEAR, TREES, MACHINES][int(np.argmin(alone))])
    )


def test_what_members_chose_themselves_is_told(data: TrainingData) -> None:
    _, history = _trained(data, LINEAR, {"kind": "DLinear", "average_steps": 3})

    assert "chosen" not in history.chosen["members"][0]
    assert history.chosen["members"][1]["chosen"]["covariates"] == "all"


def test_f78_progress_never_goes_back_and_ends_at_the_whole(data: TrainingData) -> None:
    told: list[Epoch] = []
    model = _ensemble(LINEAR, TREES, HOPELESS, MACHINES)

    history = model.fit(data, told.append)

    shares = [epoch.share for epoch in told]
    assert shares == sorted(shares)
    assert len({share for share in shares if 0.25 < share < 0.5}) >= 5
    assert shares[-1] == 1.0
    assert {(epoch.epoch, epoch.epochs) for epoch in told} == {(1, 4), (2, 4), (4, 4)}
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 4]


def test_a_member_that_cannot_work_on_the_data_is_left_out_and_told(data: TrainingData) -> None:
    alone, _ = _trained(data, LINEAR, TREES)
    model, history = _trained(data, HOPELESS, LINEAR, {"kind": "CNN2D"}, TREES)

    assert [warning.split(":")[0] for warning in history.warnings] == [
        "Member 1 (NLinear) was left out",
        "Member 3 (CNN2D) was left out",
    ]
    assert "forecasts a target from its own past alone" in history.warnings[0]
    assert "as many steps and columns out as in" in history.warnings[1]
    assert [member["member"] for member in history.chosen["members"]] == [2, 4]
    assert np.array_equal(model.predict(data.inputs), alone.predict(data.inputs))


def test_a_member_that_does_not_converge_is_left_out(data: TrainingData) -> None:
    wild = {"kind": "Dense", "layers": 4, "units": 32, "activation": "linear", "learning_rate": 10.0, "epochs": 1}

    _, history = _trained(data, LINEAR, wild)

    assert [member["kind"] for member in history.chosen["members"]] == ["Linear"]
    assert "Member 2 (Dense) was left out: The loss " in history.warnings[0]


@pytest.mark.parametrize("failure", [MemoryError(), np.linalg.LinAlgError("singular")])
def test_a_member_that_memory_or_arithmetic_fails_does_not_cost_the_others(
    failure: Exception, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(model_class("LightGBM"), "_fit", fail)

    _, history = _trained(data, LINEAR, TREES)

    assert [member["kind"] for member in history.chosen["members"]] == ["Linear"]
    assert f"Member 2 (LightGBM) was left out: {type(failure).__name__}" in history.warnings[0]


def test_where_no_member_works_each_ones_reason_is_named(data: TrainingData) -> None:
    with pytest.raises(ProblemError) as raised:
        _trained(data, HOPELESS, {"kind": "CNN2D"})

    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert "Member 1 (NLinear): NLinear with covariates 'none'" in raised.value.problem.detail
    assert "Member 2 (CNN2D): CNN2D cannot be trained" in raised.value.problem.detail


def test_what_members_warn_of_is_told_with_their_names(data: TrainingData) -> None:
    _, history = _trained(data, LINEAR, {**MACHINES, "max_samples": 100})

    assert len(history.warnings) == 1
    assert history.warnings[0].startswith("Member 2 (SVRDirect): Learned from 100 of 300 windows")


def test_without_validation_windows_the_first_count_the_same_and_that_is_told(data: TrainingData) -> None:
    alone = replace(data, validation_inputs=data.inputs[:0], validation_targets=data.targets[:0])

    _, history = _trained(alone, LINEAR, WEAK, MACHINES, size=2)

    assert [member["weight"] for member in history.chosen["members"]] == [0.5, 0.5, 0.0]
    assert history.warnings == ["There is no validation part to choose on: the first 2 members count the same."]


def test_members_without_any_error_count_the_same(data: TrainingData) -> None:
    still = np.zeros_like(data.targets)
    data = replace(data, targets=still, validation_targets=still[: len(data.validation_targets)])

    _, history = _trained(data, LINEAR, WEAK)

    assert [member["weight"] for member in history.chosen["members"]] == [0.5, 0.5]


def test_f75_the_same_seed_gives_the_same_numbers_and_members_have_the_ensembles(data: TrainingData) -> None:
    def forecast(seed: int) -> np.ndarray:
        return _trained(data, LINEAR, TREES, seed=seed)[0].predict(data.validation_inputs)

    assert np.array_equal(forecast(3), forecast(3))
    assert not np.array_equal(forecast(3), forecast(4))


def test_it_is_kept_with_all_that_is_needed_to_forecast_again(data: TrainingData, tmp_path: Path) -> None:
    model, _ = _trained(data, LINEAR, TREES, MACHINES, HOPELESS)
    model.save(tmp_path)

    again = Ensemble.load(tmp_path, parse_model(model.parameters.model_dump(mode="json")), (3, 2))

    assert np.array_equal(again.predict(data.inputs), model.predict(data.inputs))
    assert set(again.computed_with) == {"sklearn", "skops", "lightgbm"}
    assert again.computed_with == model.computed_with


def test_a_job_tells_of_its_members_and_beats_each_on_the_synthetic_load(
    load_dataset: Path, job: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    members = [LINEAR, {**TREES, "trees": 10, "learning_rate": 0.3, "leaves": 7, "strategy": "step"}]
    told: list[dict[str, Any]] = []

    message = run_job(
        job(load_dataset, tmp_path / "output", {"kind": "Ensemble", "members": members}, "load"), told.append
    )

    fractions = [entry["fraction"] for entry in told if entry.get("phase") == "training"]
    assert fractions == sorted(fractions)
    assert message["metrics"]["skill"] > 0.25
    assert [entry["kind"] for entry in message["summary"]["chosen"]["members"]] == ["Linear", "LightGBM"]
    card = orjson.loads((tmp_path / "output" / "model_card.json").read_bytes())
    assert {"numpy", "sklearn", "skops", "lightgbm"} <= set(card["software"])
    assert [member["kind"] for member in card["parameters"]["members"]] == ["Linear", "LightGBM"]
