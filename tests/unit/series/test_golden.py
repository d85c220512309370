"""The golden vectors: windows, features, scalers, parts and metrics equal to the reference."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.series import metrics
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.scalers import Scaler
from shared.series.series import Series
from tests.reference.windows import make_windows
from tests.unit.series.examples import as_rows

CASES = sorted(path for path in (Path(__file__).parents[2] / "golden").iterdir() if path.is_dir())
_FIELDS = ("series", "time_steps", "timezone", "time_features", "scaling", "split")


def load(case: Path, **changes: Any) -> tuple[Configuration, dict[int, Series]]:
    document = json.loads((case / "configuration.json").read_text(encoding="utf-8"))
    wanted = {name: value for name, value in document.items() if name in _FIELDS}
    wanted["time_features"] = {name: value for name, value in wanted.get("time_features", {}).items() if value}
    configuration = parse_configuration({**wanted, **changes})
    return configuration, {
        place: read(case / entry.file, entry.label) for place, entry in enumerate(configuration.series)
    }


def read(path: Path, name: str) -> Series:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) * 10**9 for row in rows]
    values = [float(row[1]) if row[1] else np.nan for row in rows]
    return Series(name, np.array(times, dtype=np.int64), np.array(values))


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
            overall = expected[f"{model}_evaluation"][target]
            by_step = expected[f"{model}_evaluation_by_step"][target]
            for level in range(1, metrics.LEVELS + 1):
                if level > truth.shape[1] or np.isnan(overall[level - 1, 1]):
                    continue
                y = metrics.averaged(truth[..., target], level)
                f = metrics.averaged(forecast[..., target], level)
                np.testing.assert_allclose(measured(y, f), overall[level - 1, 1:], rtol=1e-7)
                for step in range(y.shape[1]):
                    expected_step = by_step[level - 1, step]
                    found = np.array(measured(y[:, step], f[:, step]), dtype=float)
                    defined = ~np.isnan(expected_step)
                    np.testing.assert_allclose(found[defined], expected_step[defined], rtol=1e-7)


def measured(truth: NDArray[Any], forecast: NDArray[Any]) -> list[float | None]:
    found = metrics.measure(truth, forecast, naive=None)
    names = ("mae", "mape", "mse", "rmse", "nrmse", "wape", "smape")
    return [*(found[name] for name in names), metrics.mase_reference(truth, forecast)]
