"""What may be an ensemble: known members, none of them an ensemble, with sizes that a machine can hold."""

from __future__ import annotations

from typing import Any

import pytest

from services.trainer.sizes import check_sizes
from shared.problems import Category, ProblemError
from shared.series.model_parameters import parse_model

LINEAR: dict[str, Any] = {"kind": "Linear"}


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"members": [LINEAR, {"kind": "Ensemble"}]}, "member 2 is an ensemble itself"),
        ({"members": [LINEAR, LINEAR]}, "member 2 is there already, as member 1"),
        ({"members": [LINEAR, {"kind": "Linaer"}]}, "member 2: models.kind: 'Linaer'"),
        ({"members": [LINEAR, {"kind": "Dense", "units": 10_000_000}]}, "member 2: Dense.units"),
        ({"members": [LINEAR, "Dense"]}, "member 2 is no model, but 'Dense'"),
        ({"members": [LINEAR]}, "Ensemble.members"),
        ({"members": [{"kind": "Linear", "ridge": float(n)} for n in range(13)]}, "Ensemble.members"),
        ({"members": "all"}, "Ensemble.members"),
        ({"members": None}, "Ensemble.members"),
        ({"size": 0}, "Ensemble.size"),
        ({"size": 1_000_000}, "Ensemble.size"),
        ({"size": 2.0}, "Ensemble.size"),
        ({"seed": "3"}, "Ensemble.seed"),
    ],
)
def test_f76_what_cannot_be_an_ensemble_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_model({"kind": "Ensemble", **changes})

    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert named in raised.value.problem.detail


def test_members_have_their_defaults_and_the_ensembles_seed_unless_they_have_their_own() -> None:
    document = {"kind": "Ensemble", "seed": 7, "members": [LINEAR, {"kind": "Linear", "seed": 1, "ridge": 2.0}]}

    parameters = parse_model(document)

    assert parameters.model_dump(mode="json")["members"] == [
        {"kind": "Linear", "seed": 7, "time_limit_seconds": None, "ridge": 0.0},
        {"kind": "Linear", "seed": 1, "time_limit_seconds": None, "ridge": 2.0},
    ]
    assert parse_model(parameters.model_dump(mode="json")) == parameters


def test_by_default_its_members_are_of_different_kinds_and_none_is_too_large() -> None:
    parameters = parse_model({"kind": "Ensemble"})

    kinds = [member.kind for member in parameters.alternatives()]
    assert len(set(kinds)) == len(kinds) >= 4
    for member in parameters.alternatives():
        check_sizes(member, (168, 10), (96, 1), 50_000)


def test_f22_an_ensemble_of_members_that_are_all_too_large_is_refused_before_any_work() -> None:
    large = {"kind": "Dense", "layers": 16, "units": 4096}
    larger = {"kind": "LSTM", "layers": 16, "units": 4096}

    with pytest.raises(ProblemError) as raised:
        check_sizes(parse_model({"kind": "Ensemble", "members": [large, larger]}), (24, 3), (24, 1), 1000)

    assert raised.value.problem.category is Category.RESOURCE_EXHAUSTION
    assert raised.value.problem.status == 422
    assert raised.value.problem.detail.startswith("Ensemble: Dense would have about")
    assert "LSTM would have about" in raised.value.problem.detail
    check_sizes(parse_model({"kind": "Ensemble", "members": [large, LINEAR]}), (24, 3), (24, 1), 1000)
