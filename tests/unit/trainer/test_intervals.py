"""What a job says of its own uncertainty: quantiles of every model, their coverage measured, or why there are none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.trainer.child.job import run_job
from shared.series.probabilistic import QUANTILES
from tests.synthetic import load_and_temperature, load_configuration
from tests.unit.trainer.conftest import WriteDataset

MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
Run = tuple[Path, dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, job: MakeJob, write_dataset_files: WriteDataset) -> Callable[..., Run]:
    """Train Linear on the synthetic load under a changed configuration: the artifacts' folder and the headline."""

    def train(*, days: int = 60, output: dict[str, Any] | None = None, **changes: Any) -> Run:
        load, temperature = load_and_temperature(days=days)
        document = copy.deepcopy(load_configuration()) | changes
        document["series"][-1] |= output or {}
        write_dataset_files(tmp_path, document, {"load": load, "temperature": temperature})
        folder = tmp_path / "output"
        message = run_job(job(tmp_path, folder, {"kind": "Linear"}, "load"), lambda _: None)
        return folder, message["metrics"]

    return train


def _probabilistic(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())["probabilistic"]
    return document


def test_intervals_hold_what_they_promise_and_the_headline_says_so(run: Callable[..., Run]) -> None:
    folder, metrics = run(days=200)

    document = _probabilistic(folder)
    for interval in document["intervals"]:
        assert interval["coverage"] == pytest.approx(interval["level"], abs=0.05)
    assert (metrics["coverage_90"], metrics["width_90"], metrics["crps"]) == (
        document["intervals"][0]["coverage"],
        document["intervals"][0]["mean_width"],
        document["crps"],
    )
    # A forecast that says how sure it is loses less than one that only names a value.
    assert 0 < metrics["crps"] < metrics["mae"]


def test_quantiles_are_kept_beside_the_forecasts_they_belong_to(run: Callable[..., Run]) -> None:
    folder, _ = run()

    with np.load(folder / "forecasts.npz") as forecasts, np.load(folder / "quantiles.npz") as kept:
        assert kept["quantiles"].shape == (*forecasts["truth"].shape, len(QUANTILES))
        assert kept["shares"] == pytest.approx(QUANTILES)
        assert np.array_equal(forecasts["lower_90"], kept["quantiles"][..., 0])
        assert np.array_equal(forecasts["upper_90"], kept["quantiles"][..., -1])
        inside = (forecasts["truth"] >= forecasts["lower_90"]) & (forecasts["truth"] <= forecasts["upper_90"])
    assert inside.mean() == _probabilistic(folder)["intervals"][0]["coverage"]


def test_what_a_later_forecast_needs_is_kept_in_original_units(run: Callable[..., Run]) -> None:
    folder, _ = run()

    calibration = json.loads((folder / "calibration.json").read_text())

    assert calibration["quantiles"] == list(QUANTILES)
    offsets = np.array(calibration["offsets"])
    assert offsets.shape == (24, len(QUANTILES))
    widths = offsets[:, -1] - offsets[:, 0]
    assert _probabilistic(folder)["intervals"][0]["mean_width"] == pytest.approx(widths.mean(), rel=0.3)


def test_intervals_of_a_shuffled_split_do_not_adapt_for_their_windows_have_no_order(run: Callable[..., Run]) -> None:
    folder, metrics = run(split={"shuffle": True, "seed": 1})

    assert _probabilistic(folder)["adapts"] is False
    assert metrics["coverage_90"] == pytest.approx(0.9, abs=0.05)


def test_without_an_embargo_no_outcome_is_used_that_is_not_known_when_the_test_part_begins(
    run: Callable[..., Run],
) -> None:
    folder, _ = run(split={"embargo": False})

    evaluation = json.loads((folder / "evaluation.json").read_text())
    # Of the validation windows the last 23 have outcomes in the test part's first hours.
    assert _probabilistic(folder)["calibrated_on"] == evaluation["headline"]["split"]["validation"] - 23


@pytest.mark.parametrize("output", [{"average": True}, {"method": "mean"}, {"method": "nearest"}])
def test_every_way_to_sample_a_target_has_intervals(output: dict[str, Any], run: Callable[..., Run]) -> None:
    _, metrics = run(output=output)

    assert 0.75 < metrics["coverage_90"] < 1.0


@pytest.mark.parametrize("split", [{"train": 0.8, "validation": 0.0, "test": 0.2}, {"train": 0.9, "validation": 0.01}])
def test_too_few_windows_to_calibrate_on_is_said_and_not_guessed(
    split: dict[str, Any], run: Callable[..., Run]
) -> None:
    folder, metrics = run(split={"test": 0.09, "embargo": False} | split)

    document = _probabilistic(folder)
    assert document["intervals"] is document["crps"] is metrics["coverage_90"] is None
    assert "calibrating takes 19" in document["reasons"]["intervals"]
    assert not (folder / "quantiles.npz").exists()
    assert json.loads((folder / "calibration.json").read_text())["offsets"] is None
