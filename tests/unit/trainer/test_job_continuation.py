"""A job with a checkpoint of an attempt before it: continued where it is of the same job, and else named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.trainer.child.job import run_job
from tests.synthetic import load_and_temperature, load_configuration
from tests.unit.trainer.conftest import WriteDataset

MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
SMALL = {"kind": "Dense", "layers": 1, "units": 4, "epochs": 4, "batch_size": 512}


class Killed(BaseException):
    """The child ended, whatever it was at."""


def _kill_after(epoch: int) -> Callable[[dict[str, Any]], None]:
    def hear(message: dict[str, Any]) -> None:
        if message == {"type": "checkpoint", "epoch": epoch}:
            raise Killed

    return hear


def test_a_job_continues_from_its_checkpoint_to_the_same_result(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    told: list[dict[str, Any]] = []
    checkpoint = {"checkpoint_path": str(tmp_path / "checkpoint.npz")}
    whole = run_job(job(load_dataset, tmp_path / "whole", SMALL, "load"), lambda _: None)
    with pytest.raises(Killed):
        run_job({**job(load_dataset, tmp_path / "first", SMALL, "load"), **checkpoint}, _kill_after(2))

    message = run_job({**job(load_dataset, tmp_path / "second", SMALL, "load"), **checkpoint}, told.append)

    assert [(entry["type"], entry.get("epoch")) for entry in told][:5] == [
        ("progress", 2),
        ("progress", 3),
        ("checkpoint", 3),
        ("progress", 4),
        ("checkpoint", 4),
    ]
    assert message["metrics"] == whole["metrics"]
    assert (message["summary"]["continued_from_epoch"], whole["summary"]["continued_from_epoch"]) == (2, None)
    losses = [orjson.loads((tmp_path / folder / "history.json").read_bytes()) for folder in ("whole", "second")]
    assert losses[0] == losses[1]


def test_the_members_of_an_ensemble_that_were_trained_are_not_trained_again(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    members = [SMALL, {"kind": "Linear"}, {**SMALL, "units": 5, "patience": 0}, {**SMALL, "units": 6}]
    ensemble = {"kind": "Ensemble", "members": members, "size": 3}
    told: list[dict[str, Any]] = []
    checkpoint = {"checkpoint_path": str(tmp_path / "checkpoint.npz")}
    whole = run_job(job(load_dataset, tmp_path / "whole", ensemble, "load"), lambda _: None)
    for place, epochs in enumerate((2, 5, 9)):
        with pytest.raises(Killed):
            run_job({**job(load_dataset, tmp_path / str(place), ensemble, "load"), **checkpoint}, _kill_after(epochs))

    message = run_job({**job(load_dataset, tmp_path / "last", ensemble, "load"), **checkpoint}, told.append)

    assert [entry["epoch"] for entry in told if entry["type"] == "checkpoint"] == [10, 11, 12]
    assert message["metrics"] == whole["metrics"]
    assert message["summary"]["continued_from_epoch"] == 3
    forecasts = [np.load(tmp_path / name / "forecasts.npz")["forecast"] for name in ("whole", "last")]
    assert np.array_equal(*forecasts)


def test_the_folds_of_a_back_test_that_were_trained_are_not_trained_again(
    tmp_path: Path, job: MakeJob, write_dataset_files: WriteDataset
) -> None:
    load, temperature = load_and_temperature(days=60)
    document = copy.deepcopy(load_configuration())
    document["split"] = {"backtest": {"folds": 2, "windows": 48}}
    data = tmp_path / "data"
    data.mkdir()
    write_dataset_files(data, document, {"load": load, "temperature": temperature})
    told: list[dict[str, Any]] = []
    checkpoint = {"checkpoint_path": str(tmp_path / "checkpoint.npz")}
    run_job(job(data, tmp_path / "whole", SMALL, "load"), lambda _: None)
    for place, epochs in enumerate((3, 6, 10)):
        with pytest.raises(Killed):
            run_job({**job(data, tmp_path / str(place), SMALL, "load"), **checkpoint}, _kill_after(epochs))

    run_job({**job(data, tmp_path / "last", SMALL, "load"), **checkpoint}, told.append)

    assert [entry["epoch"] for entry in told if entry["type"] == "checkpoint"] == [11, 12]
    evaluations = [(tmp_path / name / "evaluation.json").read_bytes() for name in ("whole", "last")]
    assert evaluations[0] == evaluations[1]


def test_a_checkpoint_of_another_job_is_named_and_training_begins_anew(
    load_dataset: Path, tmp_path: Path, job: MakeJob
) -> None:
    told: list[dict[str, Any]] = []
    checkpoint = {"checkpoint_path": str(tmp_path / "checkpoint.npz")}
    with pytest.raises(Killed):
        run_job({**job(load_dataset, tmp_path / "first", SMALL, "load"), **checkpoint}, _kill_after(1))

    other = {**SMALL, "seed": 1}
    message = run_job({**job(load_dataset, tmp_path / "second", other, "load"), **checkpoint}, told.append)

    assert told[0] == {"type": "checkpoint refused", "reason": "it is of another parameters"}
    assert message["summary"]["continued_from_epoch"] is None
    assert message["summary"]["epochs_completed"] == 4


def test_a_model_without_epochs_keeps_no_checkpoint(load_dataset: Path, tmp_path: Path, job: MakeJob) -> None:
    checkpoint = tmp_path / "checkpoint.npz"

    run_job(
        {**job(load_dataset, tmp_path / "output", {"kind": "Linear"}, "load"), "checkpoint_path": str(checkpoint)},
        lambda _: None,
    )

    assert not checkpoint.exists()
