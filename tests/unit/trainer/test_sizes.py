"""What cannot be trained is refused before any work: by its sizes and by what they multiply to."""

from __future__ import annotations

from typing import Any

import pytest

from services.trainer.models.columns import Columns
from services.trainer.models.registry import model_class
from services.trainer.sizes import check_sizes
from shared.problems import Category, Problem, ProblemError
from shared.series.model_parameters import parse_model

TOO_LARGE = pytest.mark.parametrize(
    "model, inputs, windows",
    [
        ({"kind": "Dense", "layers": 16, "units": 4096}, (24, 3), 1000),
        ({"kind": "CNN", "layers": 2, "filters": 4096, "kernel": 4096}, (24, 3), 1000),
        ({"kind": "LSTM", "layers": 16, "units": 4096}, (24, 3), 1000),
        ({"kind": "ARLSTM", "layers": 16, "units": 4096}, (24, 3), 1000),
        ({"kind": "LSTM", "layers": 3, "units": 512, "batch_size": 65536}, (4096, 3), 60_000),
        ({"kind": "LightGBM", "trees": 10_000, "leaves": 4096}, (24, 3), 1000),
        ({"kind": "SVRDirect"}, (4096, 3), 1000),
        ({"kind": "NLinear", "covariates": "all"}, (4096, 3), 1000),
        ({"kind": "Linear"}, (4096, 1000), 1000),
    ],
)


def refused(model: dict[str, Any], inputs: tuple[int, int], windows: int) -> Problem:
    with pytest.raises(ProblemError) as raised:
        check_sizes(parse_model(model), inputs, (24, 1), windows)
    return raised.value.problem


@TOO_LARGE
def test_f22_sizes_that_are_allowed_one_by_one_are_refused_for_their_product(
    model: dict[str, Any], inputs: tuple[int, int], windows: int
) -> None:
    problem = refused(model, inputs, windows)

    assert problem.category is Category.RESOURCE_EXHAUSTION
    assert problem.status == 422
    assert model["kind"] in problem.detail


def changes_of(problem: Problem) -> list[dict[str, Any]]:
    assert problem.technical_details is not None
    changes: list[dict[str, Any]] = problem.technical_details["changes"]
    return changes


@TOO_LARGE
def test_each_change_that_is_named_is_enough_and_is_told_in_words(
    model: dict[str, Any], inputs: tuple[int, int], windows: int
) -> None:
    problem = refused(model, inputs, windows)

    assert changes_of(problem)
    for change, step in zip(changes_of(problem), problem.recovery, strict=False):
        given = dict(change["set"])
        steps = given.pop("time_steps.input", inputs[0])
        check_sizes(parse_model({**model, **given}), (steps, inputs[1]), (24, 1), windows)
        assert change["change"] == step
        assert all(f"{name} from {change['was'][name]} to {value}" in step for name, value in change["set"].items())


def test_a_batch_that_is_too_large_is_lowered_first() -> None:
    problem = refused({"kind": "LSTM", "layers": 1, "units": 64, "batch_size": 65536}, (96, 3), 60_000)

    assert problem.recovery[0] == "Lower batch_size from 65536 to 10000."


def test_settings_that_are_not_enough_alone_are_lowered_together() -> None:
    problem = refused({"kind": "Dense", "layers": [4096] * 16, "batch_size": 65536}, (4096, 300), 60_000)

    together = changes_of(problem)[0]
    assert list(together["set"]) == ["batch_size", "layers"]
    check_sizes(parse_model({"kind": "Dense", **together["set"]}), (4096, 300), (24, 1), 60_000)


def test_a_large_batch_of_few_windows_is_not_refused() -> None:
    check_sizes(parse_model({"kind": "LSTM", "batch_size": 65536}), (24, 3), (24, 1), 100)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "Dense", "layers": [5, 7]},
        {"kind": "CNN", "layers": 2, "filters": 5},
        {"kind": "CNN", "layers": 2, "filters": 5, "pool": "average"},
        {"kind": "LSTM", "layers": 2, "units": 5},
        {"kind": "ARLSTM", "layers": 2, "units": 5},
    ],
)
def test_the_estimate_of_weights_is_near_the_networks_own_count(model: dict[str, Any]) -> None:
    parameters = parse_model(model)
    forecaster: Any = model_class(parameters.kind)(parameters)
    forecaster._model = forecaster.network((6, 2), (4, 1), Columns())

    assert parameters.weights((6, 2), (4, 1)) == pytest.approx(forecaster.weight_count, rel=0.2)


def test_f22_members_that_fit_one_by_one_are_refused_for_what_they_are_together() -> None:
    members = [{"kind": "Dense", "layers": 3, "units": 3000, "seed": seed} for seed in range(4)]

    problem = refused({"kind": "Ensemble", "members": members, "size": 4}, (24, 3), 1000)

    assert "together" in problem.detail
    assert problem.recovery[0] == "Lower size from 4 to 2."
    check_sizes(parse_model({"kind": "Ensemble", "members": members, "size": 2}), (24, 3), (24, 1), 1000)
    refused({"kind": "Ensemble", "members": members, "size": 3}, (24, 3), 1000)


def test_of_an_ensemble_in_which_nothing_fits_each_member_is_advised() -> None:
    members = [{"kind": "Dense", "layers": 16, "units": 4096}, {"kind": "LSTM", "layers": 16, "units": 4096}]

    problem = refused({"kind": "Ensemble", "members": members}, (24, 3), 1000)

    assert [step.partition(":")[0] for step in problem.recovery] == ["Member 1 (Dense)", "Member 2 (LSTM)"]
