"""What cannot be trained is refused before any work: by its sizes and by what they multiply to."""

from __future__ import annotations

from typing import Any

import pytest

from services.trainer.models.columns import Columns
from services.trainer.models.registry import model_class
from services.trainer.sizes import check_sizes
from shared.problems import Category, ProblemError
from shared.series.model_parameters import parse_model


@pytest.mark.parametrize(
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
def test_f22_sizes_that_are_allowed_one_by_one_are_refused_for_their_product(
    model: dict[str, Any], inputs: tuple[int, int], windows: int
) -> None:
    with pytest.raises(ProblemError) as raised:
        check_sizes(parse_model(model), inputs, (24, 1), windows)

    assert raised.value.problem.category is Category.RESOURCE_EXHAUSTION
    assert raised.value.problem.status == 422
    assert model["kind"] in raised.value.problem.detail


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

    with pytest.raises(ProblemError, match="together"):
        check_sizes(parse_model({"kind": "Ensemble", "members": members, "size": 4}), (24, 3), (24, 1), 1000)

    check_sizes(parse_model({"kind": "Ensemble", "members": members, "size": 1}), (24, 3), (24, 1), 1000)
