"""Back-tests: each fold is trained on what lies before it, and says how good the model was there."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.trainer import training
from services.trainer.child.job import run_job
from services.trainer.training import Training
from shared.series.artifact import StoredDataset, read_dataset
from shared.series.configuration import Split, parse_configuration
from shared.series.folds import fold_dataset
from shared.series.model_parameters import parse_model
from shared.series.scalers import Scaler
from tests.synthetic import load_and_temperature, load_configuration
from tests.unit.trainer.conftest import WriteDataset

MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
FOLDS, TESTED = 3, 48


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "with a hole"])
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, write_dataset_files: WriteDataset
) -> Path:
    """A data set of 60 days whose configuration asks for back-tests; windows may be missing where it is cut."""
    load, temperature = load_and_temperature(days=60)
    if request.param:
        load.values[930:940] = np.nan
    document = copy.deepcopy(load_configuration())
    document["split"] = {"backtest": {"folds": FOLDS, "windows": TESTED}}
    made = tmp_path_factory.mktemp("backtest")
    write_dataset_files(made, document, {"load": load, "temperature": temperature})
    return made


@pytest.fixture(scope="module")
def dataset(folder: Path) -> StoredDataset:
    return read_dataset(folder / "dataset.npz", orjson.loads((folder / "manifest.json").read_bytes()))


@pytest.fixture(scope="module")
def split(dataset: StoredDataset) -> Split:
    return parse_configuration(dataset.manifest["configuration"]).split


def _original(dataset: StoredDataset) -> np.ndarray:
    scalers = [Scaler.from_json(entry) for entry in dataset.manifest["scalers"]["inputs"]]
    columns = [one.inverse(dataset.inputs_scaled[..., n].astype(float)) for n, one in enumerate(scalers)]
    return np.stack(columns, axis=-1)


def test_the_folds_follow_one_another_to_the_end_of_the_windows(dataset: StoredDataset, split: Split) -> None:
    folds = [fold_dataset(dataset, split, number) for number in range(FOLDS)]

    tested = np.concatenate([fold.parts["test"] for fold in folds])
    count = len(dataset.reference_times)
    assert np.array_equal(tested, np.arange(count - FOLDS * TESTED, count))


@pytest.mark.parametrize("number", range(FOLDS))
def test_f71_a_fold_learns_from_nothing_that_its_test_is_about(
    number: int, dataset: StoredDataset, split: Split
) -> None:
    fold = fold_dataset(dataset, split, number)
    times, day = fold.reference_times, 24 * 3_600_000_000_000

    train, validation, test = (fold.parts[name] for name in ("train", "validation", "test"))
    # Windows reach from 23 hours before to 24 hours behind their reference time.
    assert times[train].max() + day < times[validation].min() - 23 * day / 24
    assert times[validation].max() + day < times[test].min() - 23 * day / 24
    assert len(validation) == pytest.approx(2 / 9 * (len(train) + len(validation)), rel=0.1)
    # Scaled by its own windows: no training value outside, and the range used to its ends.
    learned = fold.inputs_scaled[: dataset.manifest["backtests"][number]["train_stop"]]
    assert learned.min(axis=(0, 1)) == pytest.approx(np.zeros(3), abs=1e-6)
    assert learned.max(axis=(0, 1)) == pytest.approx(np.ones(3), abs=1e-6)


def test_a_folds_windows_are_the_data_sets_own(dataset: StoredDataset, split: Split) -> None:
    fold = fold_dataset(dataset, split, 0)

    stop = len(fold.reference_times)
    assert np.allclose(_original(fold), _original(dataset)[:stop], atol=1e-4)
    assert np.array_equal(fold.targets, dataset.targets[:stop])


def test_each_folds_error_is_that_of_least_squares_on_the_windows_before_it(
    folder: Path, dataset: StoredDataset, split: Split, tmp_path: Path, job: MakeJob
) -> None:
    run_job(job(folder, tmp_path, {"kind": "Linear", "ridge": 0.0}, "load"), lambda _: None)

    document = json.loads((tmp_path / "evaluation.json").read_text())["backtest"]
    inputs = _original(dataset).reshape(len(dataset.targets), -1)
    design = np.column_stack([inputs, np.ones(len(inputs))])
    for number, found in enumerate(document["folds"]):
        parts = fold_dataset(dataset, split, number).parts
        weights, *_ = np.linalg.lstsq(design[parts["train"]], dataset.targets[parts["train"], :, 0], rcond=None)
        errors = design[parts["test"]] @ weights - dataset.targets[parts["test"], :, 0]
        assert found["rmse"] == pytest.approx(float(np.sqrt(np.mean(errors**2))), rel=1e-3)
        assert found["first_reference_time"] == dataset.reference_times[parts["test"][0]]
    rmse = [found["rmse"] for found in document["folds"]]
    assert document["mean"]["rmse"] == pytest.approx(np.mean(rmse))
    assert len(set(rmse)) == FOLDS


def test_progress_runs_over_all_folds_and_never_back(folder: Path, tmp_path: Path, job: MakeJob) -> None:
    told: list[dict[str, Any]] = []
    model = {"kind": "Dense", "layers": 1, "units": 4, "epochs": 2, "batch_size": 256}

    run_job(job(folder, tmp_path, model, "load"), told.append)

    assert [entry["type"] for entry in told].index("fitted") == 2, "after the two epochs of the job's own model"
    told = [entry for entry in told if entry["type"] == "progress"]
    fractions = [entry["fraction"] for entry in told if entry["phase"] == "training"]
    assert fractions == sorted(fractions)
    assert len(fractions) == (2 + 1) * (1 + FOLDS), "each epoch, and the end of each fit"
    assert fractions[-1] == 1.0
    ends = [(entry["phase"], entry["fraction"]) for entry in told][-4:]
    assert ends == [("training", 1.0), ("evaluation", 0.0), ("evaluation", 1.0), ("saving", 1.0)]


def test_folds_that_no_time_is_left_for_are_there_without_values_with_the_reason_and_a_warning(
    folder: Path, dataset: StoredDataset, tmp_path: Path, job: MakeJob
) -> None:
    told: list[dict[str, Any]] = []

    message = run_job({**job(folder, tmp_path, {"kind": "Linear"}, "load"), "seconds_left": 0.0}, told.append)

    document = json.loads((tmp_path / "evaluation.json").read_text())["backtest"]
    starts = [dataset.reference_times[fold["test_start"]] for fold in dataset.manifest["backtests"]]
    assert [fold["first_reference_time"] for fold in document["folds"]] == starts
    assert {(fold["rmse"], fold["crps"], fold["split"]) for fold in document["folds"]} == {(None, None, None)}
    assert all(fold["reasons"]["rmse"] == "the time limit left none for this fold" for fold in document["folds"])
    assert document["mean"]["rmse"] is None
    assert message["summary"]["warnings"] == ["The time limit left none for the back-test's fold 1, 2, 3 of 3."]
    assert message["metrics"]["rmse"] is not None, "the job's own model was trained and measured"
    ends = ["training"] * (1 + FOLDS) + ["evaluation", "evaluation", "saving"]
    assert [entry.get("phase") for entry in told][-len(ends) :] == ends
    assert told[-len(ends) - 1] == {"type": "fitted"}, "no fold can make the job fail for its time"


@pytest.mark.parametrize(
    "model, begins",
    [
        ({"kind": "SVRMIMO"}, False),
        ({"kind": "Linear"}, False),
        ({"kind": "Dense"}, True),
        ({"kind": "LightGBM"}, True),
        ({"kind": "Ensemble", "members": [{"kind": "Dense"}, {"kind": "LightGBM"}]}, True),
        ({"kind": "Ensemble", "members": [{"kind": "Dense"}, {"kind": "Linear"}]}, False),
    ],
)
def test_a_fold_of_a_kind_that_cannot_end_early_needs_the_time_of_the_longest_fit(
    model: dict[str, Any], begins: bool, dataset: StoredDataset
) -> None:
    configuration = parse_configuration(dataset.manifest["configuration"])
    deadline = time.monotonic() + 1000.0
    training = Training(configuration, 0, parse_model(model), 1 + FOLDS, lambda _: None, deadline)
    training.longest = 900.0
    assert not training.leaves_out(1)
    training.longest = 1001.0

    assert training.leaves_out(2) is not begins


def test_how_long_the_longest_fit_took_is_known(dataset: StoredDataset) -> None:
    configuration = parse_configuration(dataset.manifest["configuration"])
    training = Training(configuration, 0, parse_model({"kind": "Linear"}), 1 + FOLDS, lambda _: None)
    began = time.monotonic()

    training.run(dataset, 0)
    own = training.longest
    training.run(fold_dataset(dataset, configuration.split, 0), 1)

    assert 0.0 < own <= training.longest < time.monotonic() - began


@pytest.mark.parametrize("number, parts", [(0, 1 + FOLDS), (1, FOLDS), (FOLDS, 1)])
def test_each_fit_has_its_share_of_the_time_that_is_left(
    number: int, parts: int, dataset: StoredDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = parse_configuration(dataset.manifest["configuration"])
    parameters = parse_model({"kind": "Linear"})
    shared: list[tuple[float | None, int]] = []

    def noted(deadline: float | None, parts: int) -> None:
        shared.append((deadline, parts))

    monkeypatch.setattr(training, "share_of_time", noted)

    Training(configuration, 0, parameters, 1 + FOLDS, lambda _: None, deadline=1e9).run(dataset, number)

    assert shared == [(1e9, parts)]


def test_without_being_asked_for_there_is_no_back_test(
    tmp_path: Path, job: MakeJob, write_dataset_files: WriteDataset
) -> None:
    load, temperature = load_and_temperature(days=30)
    write_dataset_files(tmp_path, load_configuration(), {"load": load, "temperature": temperature})

    run_job(job(tmp_path, tmp_path / "output", {"kind": "Linear"}, "load"), lambda _: None)

    assert json.loads((tmp_path / "output" / "evaluation.json").read_text())["backtest"] is None
