"""A trial in its child: a validation loss and nothing else; and the model that is trained when the search is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.trainer.child.job import run_job
from services.trainer.child.trial import run_trial
from services.trainer.models.registry import model_class
from services.trainer.search.trial import Trial, found_by, warnings_of
from services.trainer.training import training_data
from shared.problems import Category, ProblemError
from shared.series.artifact import read_dataset
from shared.series.configuration import parse_configuration
from shared.series.model_parameters import parse_model

MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
DENSE = {"kind": "Dense", "layers": 1, "units": 8, "epochs": 3, "batch_size": 512}


def test_a_trial_tells_the_error_on_the_validation_part_and_leaves_nothing(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    message = run_trial(job(load_dataset, tmp_path / "output", {"kind": "Linear"}, "load"), lambda _: None)

    manifest = orjson.loads((load_dataset / "manifest.json").read_bytes())
    dataset = read_dataset(load_dataset / "dataset.npz", manifest)
    data = training_data(dataset, parse_configuration(manifest["configuration"]), 0)
    model = model_class("Linear")(parse_model({"kind": "Linear"}))
    model.fit(data, lambda _: None)
    error = np.mean((model.predict(data.validation_inputs) - data.validation_targets) ** 2)
    assert message["type"] == "trained"
    assert message["metrics"] == {"val_loss": pytest.approx(float(error))}
    assert list((tmp_path / "output").iterdir()) == []


def test_a_networks_trial_tells_each_epochs_loss_and_ends_with_the_best_of_them(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    told: list[dict[str, Any]] = []

    message = run_trial(job(load_dataset, tmp_path, DENSE, "load"), told.append)

    assert [(entry["type"], entry["epoch"], entry["fraction"]) for entry in told[:-1]] == [
        ("progress", epoch, pytest.approx(epoch / 3)) for epoch in (1, 2, 3)
    ]
    assert message["metrics"]["val_loss"] == pytest.approx(min(entry["val_loss"] for entry in told[:-1]), rel=1e-4)


def test_a_trial_ends_when_its_time_is_over_and_says_when_it_was_trained(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    told: list[dict[str, Any]] = []
    endless = {**DENSE, "epochs": 2000, "patience": 1000}

    run_trial({**job(load_dataset, tmp_path, endless, "load"), "seconds_left": 0.0}, told.append)

    assert [(entry["type"], entry.get("epoch")) for entry in told] == [("progress", 1), ("fitted", None)]


def test_a_trial_that_cannot_be_trained_is_a_problem(load_dataset: Path, tmp_path: Path, job: MakeJob) -> None:
    exploding = {**DENSE, "activation": "linear", "learning_rate": 10.0}

    with pytest.raises(ProblemError) as raised:
        run_trial(job(load_dataset, tmp_path, exploding, "load"), lambda _: None)

    assert raised.value.problem.category is Category.MODEL_CONVERGENCE


def test_the_model_of_a_search_says_what_was_found_and_keeps_the_table_of_trials(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    trials = [
        Trial(0, "trained", {"ridge": 0.0}, value=0.5, seconds=1.0),
        Trial(1, "trained", {"ridge": 10.0}, value=0.4, seconds=1.0),
        Trial(2, "failed", {"ridge": 1.0}, problem="no luck"),
    ]
    found = found_by(trials, 2.5)
    search = {"found": found, "warnings": warnings_of(found), "trials": [trial.document() for trial in trials]}
    specification = {**job(load_dataset, tmp_path / "output", {"kind": "Linear", "ridge": 10.0}, "load")}

    summary = run_job({**specification, "search": search}, lambda _: None)["summary"]

    assert summary["chosen"] == {"ridge": 10.0}
    assert summary["search"]["trial"] == 1
    assert (summary["search"]["val_loss"], summary["search"]["val_loss_as_given"]) == (0.4, 0.5)
    assert summary["warnings"] == ["1 of 3 trials failed; trials.json says why."]
    table = orjson.loads((tmp_path / "output" / "trials.json").read_bytes())
    assert [(line["number"], line["state"], line["parameters"], line["val_loss"]) for line in table] == [
        (0, "trained", {"ridge": 0.0}, 0.5),
        (1, "trained", {"ridge": 10.0}, 0.4),
        (2, "failed", {"ridge": 1.0}, None),
    ]
    card = orjson.loads((tmp_path / "output" / "model_card.json").read_bytes())
    assert card["search"] == summary["search"]


def test_a_search_whose_time_was_over_before_anything_was_found_keeps_the_given_parameters_and_says_so() -> None:
    found = found_by([Trial(0, "cancelled", {"ridge": 0.0}), Trial(1, "cancelled")], 1.0)

    assert found["parameters"] == {}
    assert warnings_of(found) == [
        "The search's time was over: 2 of 2 trials were not made.",
        "No trial of the search came to an end: the parameters are those that were given.",
    ]
