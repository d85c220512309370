"""The golden vectors: windows, features, scalers, parts and metrics equal to the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.series.dataset import Dataset, build_dataset
from shared.series.scalers import Scaler
from tests.reference.windows import make_windows
from tests.unit.series.examples import as_rows
from tests.unit.series.golden_cases import CASES, check_evaluation, load


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> tuple[Path, Dataset, dict[str, NDArray[Any]]]:
    path: Path = request.param
    with np.load(path / "expected.npz") as stored:
        expected = {name: stored[name] for name in stored.files}
    return path, build_dataset(*load(path)), expected


def test_windows_and_reference_times(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    _, dataset, expected = case
    assert np.array_equal(dataset.reference_times, expected["reference_times"])
    np.testing.assert_allclose(dataset.array("inputs"), expected["inputs"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dataset.array("targets"), expected["targets"], rtol=1e-9, atol=1e-9)


def test_the_slow_reference_has_them_too(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    path, _, expected = case
    configuration, series = load(path)
    found = make_windows(configuration.model_dump(mode="json"), [as_rows(one) for one in series.values()])
    assert found.reference_times == expected["reference_times"].tolist()
    np.testing.assert_allclose(found.inputs, expected["inputs"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.targets, expected["targets"], rtol=1e-9, atol=1e-9)


def test_scaled_with_scalers_of_all_windows(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    _, dataset, expected = case
    np.testing.assert_allclose(dataset.array("inputs_scaled"), expected["inputs_scaled"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dataset.array("targets_scaled"), expected["targets_scaled"], rtol=1e-9, atol=1e-9)
    check_scalers(dataset.scalers["inputs"], expected["input_scaler"])
    check_scalers(dataset.scalers["targets"], expected["target_scaler"])
    scaled, original = dataset.array("targets_scaled"), dataset.array("targets")
    for place, scaler in enumerate(dataset.scalers["targets"]):
        np.testing.assert_allclose(scaler.inverse(scaled[..., place]), original[..., place], rtol=1e-9)


def test_scalers_of_the_training_part(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    path, _, expected = case
    trained = build_dataset(*load(path, scaling={"fit": "train"}))
    check_scalers(trained.scalers["inputs"], expected["input_scaler_train"])
    check_scalers(trained.scalers["targets"], expected["target_scaler_train"])


def check_scalers(scalers: list[Scaler], expected: NDArray[Any]) -> None:
    for scaler, row in zip(scalers, expected, strict=True):
        if np.isnan(row).any():
            assert scaler.kind == "none"
        else:
            found = (scaler.centre, scaler.centre + scaler.width, scaler.low, scaler.high)
            np.testing.assert_allclose(found, row, rtol=1e-9, atol=1e-9)


def test_parts(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    _, dataset, expected = case
    parts = dataset.parts
    assert [len(parts.train), len(parts.validation), len(parts.test)] == list(expected["split"])
    assert parts.embargoed == 0


def test_metrics_of_the_references_forecasts(case: tuple[Path, Dataset, dict[str, NDArray[Any]]]) -> None:
    _, dataset, expected = case
    models = [name for name in ("linear_stepwise", "svr_stepwise") if f"{name}_forecast" in expected]
    truth = dataset.array("targets")[dataset.parts.test]
    for model in models:
        forecast = expected[f"{model}_forecast"]
        for target in range(truth.shape[2]):
            check_evaluation(truth[..., target], forecast[..., target], expected, model, target)
