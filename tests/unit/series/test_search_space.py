"""What may be searched of a model: refused by name before any work, or completed by the kind's own space."""

from __future__ import annotations

from typing import Any

import pytest

from shared.problems import Category, ProblemError
from shared.series.configuration import parse_configuration
from shared.series.model_parameters import KINDS, parse_model
from shared.series.parameters.base import ModelParameters
from shared.series.parameters.search import Choices, Range, Space
from shared.series.search_space import default_space, document_of, largest
from tests.synthetic import load_configuration

WITHOUT_ANYTHING_TO_SEARCH = {"LinearStepwise", "Ensemble"}
SEARCHABLE = sorted(set(KINDS) - WITHOUT_ANYTHING_TO_SEARCH)


def _space(parameters: ModelParameters) -> Space:
    assert parameters.search is not None
    return parameters.search.space


def test_a_search_is_off_unless_asked_for() -> None:
    parameters = parse_model({"kind": "Dense"})

    assert parameters.search is None
    assert "search" not in parameters.model_dump()


@pytest.mark.parametrize("kind", SEARCHABLE)
def test_every_kind_has_a_space_of_its_own_whose_ends_it_takes(kind: str) -> None:
    parameters = parse_model({"kind": kind, "search": {}})

    space = _space(parameters)

    assert space == default_space(type(parameters))
    for name, dimension in space.items():
        for value in dimension.ends:
            assert parse_model(document_of(parameters, {name: value})).search is None


@pytest.mark.parametrize("kind", sorted(WITHOUT_ANYTHING_TO_SEARCH))
def test_a_kind_without_anything_to_search_says_so(kind: str) -> None:
    with pytest.raises(ProblemError, match="nothing to search"):
        parse_model({"kind": kind, "search": {}})


def test_what_the_model_names_itself_is_kept_and_what_the_space_names_is_tried() -> None:
    space = {"activation": {"choices": ["relu", "gelu"]}, "epochs": {"low": 5, "high": 50, "log": True}}

    found = _space(parse_model({"kind": "Dense", "units": 64, "activation": "tanh", "search": {"space": space}}))

    assert set(found) == {"activation", "batch_size", "epochs", "layers", "learning_rate"}
    assert found["activation"] == Choices(choices=["relu", "gelu"])
    assert found["epochs"] == Range(low=5, high=50, log=True)


def test_a_range_of_a_real_parameter_is_of_real_numbers_however_it_is_written() -> None:
    model = {"kind": "Linear", "search": {"space": {"ridge": {"low": 1, "high": 100}}}}

    dimension = _space(parse_model(model))["ridge"]

    assert isinstance(dimension, Range)
    assert [type(end) for end in dimension.ends] == [float, float]


@pytest.mark.parametrize("kind", SEARCHABLE)
def test_the_stored_document_means_the_same_when_it_is_read_again(kind: str) -> None:
    configuration = load_configuration()
    configuration["models"] = [{"kind": kind, "search": {"trials": 7}}]

    stored = parse_configuration(configuration).model_dump(mode="json")

    assert stored["models"][0]["search"]["trials"] == 7
    assert parse_configuration(stored).model_dump(mode="json") == stored
    assert parse_model(stored["models"][0]) == parse_model({"kind": kind, "search": {"trials": 7}})


@pytest.mark.parametrize(
    "search, named, advice",
    [
        (5, "Dense.search:", "Dense takes"),
        ({"trails": 5}, "Dense.search.trails:", "trials, time_limit_seconds, pruning, space"),
        ({"trials": 0}, "Dense.search.trials:", "trials"),
        ({"trials": 201}, "Dense.search.trials:", "trials"),
        ({"trials": True}, "Dense.search.trials:", "trials"),
        ({"trials": "20"}, "Dense.search.trials:", "trials"),
        ({"time_limit_seconds": 0.5}, "Dense.search.time_limit_seconds:", "time_limit_seconds"),
        ({"time_limit_seconds": 1e9}, "Dense.search.time_limit_seconds:", "time_limit_seconds"),
        ({"pruning": "yes"}, "Dense.search.pruning:", "pruning"),
        ({"space": ["units"]}, "Dense.search.space:", "space"),
        ({"space": {"untis": {"low": 1, "high": 2}}}, "Dense.search.space.untis: there is no such", "'units'"),
        ({"space": {"seed": {"low": 1, "high": 2}}}, "Dense.search.space.seed: there is no such", "batch_size"),
        ({"space": {"units": {"low": 1}}}, "Dense.search.space.units.range.high:", "low, high and log, or choices"),
        ({"space": {"units": {"low": 2, "high": 2}}}, "low must be below high", "low"),
        ({"space": {"units": {"low": True, "high": 2}}}, "Dense.search.space.units.range.low", "low"),
        ({"space": {"units": {"low": 1, "high": 1e4}}}, "Dense.search.space.units:", "search.space.units"),
        ({"space": {"units": {"low": 1, "high": 5000}}}, "less than or equal to 4096 (got 5000)", "search.space.units"),
        ({"space": {"units": {"choices": []}}}, "Dense.search.space.units.choices.choices:", "choices"),
        ({"space": {"units": {"choices": [8, 0]}}}, "greater than or equal to 1 (got 0)", "search.space.units"),
        ({"space": {"activation": {"low": 1, "high": 2}}}, "it is no number", "choices"),
        ({"space": {"activation": {"choices": ["rleu"]}}}, "'rleu'", "search.space.activation"),
        ({"space": {"learning_rate": {"low": 0, "high": 1, "log": True}}}, "low must be above 0", "log"),
        ({"space": {"learning_rate": {"low": float("nan"), "high": 1}}}, "finite", "low"),
        ({"space": {"learning_rate": {"low": 0.1, "high": float("inf")}}}, "finite", "high"),
    ],
)
def test_f76_what_cannot_be_searched_is_refused_by_name(search: Any, named: str, advice: str) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_model({"kind": "Dense", "search": search})

    problem = raised.value.problem
    assert problem.category is Category.DATA_VALIDATION
    assert named in problem.detail
    assert any(advice in line for line in problem.recovery)


def test_members_of_an_ensemble_are_not_searched() -> None:
    members = [{"kind": "Linear"}, {"kind": "Dense", "search": {}}]

    with pytest.raises(ProblemError, match="member 2: a member cannot be searched"):
        parse_model({"kind": "Ensemble", "members": members})


def test_f22_the_largest_model_of_a_space_is_known_before_any_is_trained() -> None:
    space = {"layers": {"low": 1, "high": 9}, "batch_size": {"choices": [32, 4096, 8]}}
    parameters = parse_model({"kind": "Dense", "search": {"space": space}})

    found = largest(parameters, (24, 3), (24, 1), 10_000).model_dump()

    assert (found["layers"], found["units"], found["batch_size"]) == (9, 512, 4096)
