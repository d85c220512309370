"""A model that came to nothing: the last losses that were numbers, and values to try."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from services.trainer.models.base import Epoch
from services.trainer.models.convergence import not_converged, what_to_try
from services.trainer.models.registry import MODELS
from shared.series.model_parameters import parse_model


def told(model: dict[str, Any]) -> list[str]:
    return not_converged("It failed.", parse_model(model), []).problem.recovery


def test_the_last_losses_are_numbers_and_the_newest_last() -> None:
    losses = [9.0, 8.0, 7.0, 6.0, 5.0, math.inf, 4.0, math.nan]
    epochs = [Epoch(number, 8, loss, None if number == 3 else loss) for number, loss in enumerate(losses)]

    problem = not_converged("It failed.", parse_model({"kind": "Dense"}), epochs).problem

    assert problem.technical_details is not None
    assert problem.technical_details["last_losses"] == [8.0, 7.0, 6.0, 5.0, 4.0]
    assert problem.technical_details["last_val_losses"] == [9.0, 8.0, 7.0, 5.0, 4.0]
    assert problem.detail == "It failed. Last losses: 8, 7, 6, 5, 4."
    assert json.dumps(problem.model_dump(mode="json"), allow_nan=False)


def test_a_learning_rate_above_the_usual_one_is_lowered_to_it_and_another_one_tenfold() -> None:
    assert told({"kind": "Dense", "learning_rate": 0.1})[0] == "Lower learning_rate from 0.1 to 0.001."
    assert told({"kind": "Dense"})[0] == "Lower learning_rate from 0.001 to 0.0001."


def test_values_are_named_for_what_else_may_help() -> None:
    advice = told({"kind": "LSTM", "activation": "relu", "layers": 6, "units": 300, "batch_size": 4})

    assert advice[1:5] == [
        "Change activation from relu to tanh.",
        "Lower layers from 6 to 3.",
        "Lower units from 300 to 150.",
        "Raise batch_size from 4 to 32.",
    ]
    assert told({"kind": "Linear"})[0] == "Raise ridge from 0 to 0.001."
    assert told({"kind": "SVRDirect", "C": 100.0})[0] == "Lower C from 100 to 10."


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_to_be_tried_is_allowed(kind: str) -> None:
    model: dict[str, Any] = {"kind": kind}
    for remedy in what_to_try(parse_model(model)):
        assert parse_model({**model, **{setting.name: setting.wanted for setting in remedy}})
    assert told(model)
