"""Trained and served alike: rows cut from the training data give the same window and the same forecast (F66 to F70)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from services.trainer.child.job import run_job
from services.trainer.forecasting.forecast import answer, find_window
from services.trainer.forecasting.given import Inputs, TrainedFile, from_csv, from_question
from services.trainer.forecasting.question import ForecastQuestion, parse_question
from services.trainer.forecasting.stored import StoredModel, scale_windows
from services.trainer.models.registry import MODELS
from shared.series.artifact import StoredDataset, read_dataset
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import build_dataset
from shared.series.series import NANOSECONDS_PER_HOUR, Series, Values, moment_text
from tests.synthetic import load_and_temperature
from tests.unit.trainer.conftest import write
from tests.unit.trainer.test_model_matrix import SMALL

MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
HOUR = NANOSECONDS_PER_HOUR
LONGEST_HOURS = 30
PAST, AHEAD = {"start_hours": -11, "end_hours": 0}, {"start_hours": 1, "end_hours": 12}
ALL_FEATURES = {
    "year": {"local": True, "scale": {"min": -1, "max": 1}},
    "month": {"local": False, "at": "reference"},
    "week": {"local": True, "start_hours": 1, "end_hours": 12},
    "day": {"local": True, "scale": {"min": 0, "max": 1}},
    "holiday": {"country": "AT", "local": True, "day_before": True, "start_hours": 1, "end_hours": 12},
}
EVERYTHING: dict[str, Any] = {
    "series": [
        {"file": "load", "role": "input", "name": "load", "horizon": PAST, "scale": {"min": -1, "max": 1}},
        {
            "file": "load",
            "role": "input",
            "name": "mean load",
            "average": True,
            "horizon": {"start_hours": -24, "end_hours": 0},
        },
        {"file": "load", "role": "input", "name": "a day ago", "horizon": {"start_hours": -25.3, "end_hours": -12.7}},
        {"file": "air", "role": "input", "name": "air", "method": "mean", "horizon": PAST},
        {"file": "air", "role": "input", "name": "nearest air", "method": "nearest", "horizon": PAST, "scale": None},
        {"file": "air", "role": "input", "name": "air now", "kind": "current", "horizon": PAST},
        {
            "file": "weather",
            "role": "input",
            "name": "weather",
            "kind": "forecast",
            "issue_column": "issued",
            "horizon": AHEAD,
        },
        {"file": "load", "role": "output", "name": "next", "unit": "kW", "horizon": AHEAD},
    ],
    "time_steps": {"input": 12, "output": 12, "step_minutes": 60, "offset_minutes": 0},
    "timezone": "Europe/Vienna",
    "time_features": ALL_FEATURES,
    "season_hours": 24,
}
ONE_COLUMN: dict[str, Any] = {**EVERYTHING, "series": [EVERYTHING["series"][0], EVERYTHING["series"][-1]]}
del ONE_COLUMN["time_features"]


@dataclass(frozen=True)
class Trained:
    """A data set at rest, as it was made, and the series that it was made from, by their files."""

    folder: Path
    files: Mapping[str, Series]
    configuration: Configuration
    stored: StoredDataset
    inputs: Values

    def open(self) -> Inputs:
        return Inputs(self.configuration, self.stored.manifest["input_features"], {})


def series_by_file() -> dict[str, Series]:
    """75 days about the change to summer time: hourly load with a gap, air every 20 minutes, a forecast of it."""
    load, temperature = load_and_temperature(days=75)
    shift = 45 * 24 * HOUR
    keep = np.ones(len(load), dtype=bool)
    keep[700:703] = False
    times = temperature.times[0] + np.arange(3 * len(temperature)) * (HOUR // 3)
    air = np.interp((times - times[0]) / HOUR, np.arange(len(temperature)), temperature.values)
    issued = np.arange(0, len(temperature) - 48, 6)
    known = np.repeat(temperature.times[issued], 48)
    valid = known + np.tile(np.arange(48), len(issued)) * HOUR
    values = np.repeat(temperature.values[issued], 48) + np.tile(np.arange(48) / 10, len(issued))
    order = np.lexsort((known, valid))
    return {
        "load": Series("load", load.times[keep] + shift, load.values[keep]),
        "air": Series("air", times + shift, air),
        "weather": Series("weather", valid[order] + shift, values[order], known[order] + shift),
    }


@pytest.fixture(scope="module", params=["everything", "one column"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return make(tmp_path_factory.mktemp("data"), EVERYTHING if request.param == "everything" else ONE_COLUMN)


def make(folder: Path, document: dict[str, Any]) -> Trained:
    files = series_by_file()
    write(folder, document, files)
    configuration = parse_configuration(document)
    dataset = build_dataset(configuration, {n: files[entry.file] for n, entry in enumerate(configuration.series)})
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    stored = read_dataset(folder / "dataset.npz", manifest)
    return Trained(folder, files, configuration, stored, dataset.array("inputs"))


def cut(series: Series, reference: int, *, hours: int = LONGEST_HOURS) -> Series:
    """The rows about a reference time; of a forecast what was known by then."""
    near = np.abs(series.times - reference) <= hours * HOUR
    if series.issues is None:
        return Series(series.name, series.times[near], series.values[near])
    newest = series.issues[series.issues <= reference].max()
    near &= (series.issues <= newest) & (series.issues >= newest - 12 * HOUR)
    return Series(series.name, series.times[near], series.values[near], series.issues[near])


def ask(trained: Trained, reference: int, **more: Any) -> ForecastQuestion:
    """As a caller sends it."""
    given = {}
    for entry in trained.configuration.inputs:
        rows = cut(trained.files[entry.file], reference)
        given[entry.file] = {"times": [moment_text(int(t)) for t in rows.times], "values": rows.values.tolist()}
        if rows.issues is not None:
            given[entry.file]["issues"] = [moment_text(int(t)) for t in rows.issues]
    return parse_question(orjson.dumps({"series": given, **more}))


def test_f66_f67_the_window_of_new_rows_is_the_training_window_to_the_last_bit(trained: Trained) -> None:
    references = trained.stored.reference_times

    for number in range(0, len(references), 37):
        reference = int(references[number])
        series = from_question(ask(trained, reference), trained.open())
        found, window = find_window(trained.open(), series, reference, None)
        assert found == reference
        assert np.array_equal(window[0], trained.inputs[number]), moment_text(reference)
        scaled = scale_windows(window, trained.stored.manifest)[0]
        assert np.array_equal(scaled, trained.stored.inputs_scaled[number])


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_f68_f70_a_stored_model_forecasts_what_its_job_stored(
    kind: str, trained: Trained, tmp_path: Path, job: MakeJob
) -> None:
    model = {"kind": kind, **copy.deepcopy(SMALL[kind])}
    several = len(trained.configuration.inputs) > 1
    if kind == "Ensemble":
        model["members"] = [one for one in model["members"] if one["kind"] != "CNN2D" or not several]
    if (kind == "CNN2D" and several) or (kind in ("LSTM", "ARLSTM") and not several):
        pytest.skip("the shape that the kind does not take, or that the other data set tests as well")
    run_job(job(trained.folder, tmp_path, model, "next"), lambda _: None)
    with np.load(tmp_path / "forecasts.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    loaded = StoredModel.load(tmp_path, trained.stored.manifest)

    for number in (0, len(arrays["forecast"]) // 2, len(arrays["forecast"]) - 1):
        reference = int(arrays["reference_times"][number])
        series = from_question(ask(trained, reference), trained.open())
        found = answer(loaded, *find_window(trained.open(), series, reference, None))

        assert np.allclose(found["values"], arrays["forecast"][number], rtol=1e-5, atol=1e-4)
        assert found["times"] == [moment_text(int(t)) for t in reference + arrays["offsets"]]
        assert (found["target"], found["unit"], found["model"]) == ("next", "kW", kind)
        widest = found["intervals"][0]
        assert widest["level"] == pytest.approx(0.9)
        assert np.all(np.array(widest["lower"]) < widest["upper"])


def test_the_interval_of_a_next_window_is_the_one_that_calibration_left(tmp_path: Path, job: MakeJob) -> None:
    (tmp_path / "data").mkdir()
    data = make(tmp_path / "data", ONE_COLUMN)
    run_job(job(data.folder, tmp_path / "job", {"kind": "Linear"}, "next"), lambda _: None)
    calibration = orjson.loads((tmp_path / "job" / "calibration.json").read_bytes())
    loaded = StoredModel.load(tmp_path / "job", data.stored.manifest)
    reference = int(data.stored.reference_times[-1])

    series = from_question(ask(data, reference), data.open())
    found = answer(loaded, *find_window(data.open(), series, reference, None))

    offsets = np.array(calibration["offsets"])
    forecast = np.array(found["values"])
    assert found["intervals"][0]["lower"] == (forecast + offsets[:, 0]).tolist()
    assert found["intervals"][0]["upper"] == (forecast + offsets[:, -1]).tolist()
    assert found["median"] == (forecast + offsets[:, len(calibration["quantiles"]) // 2]).tolist()


def test_f67_a_csv_in_local_time_is_read_as_the_training_file_was(tmp_path: Path) -> None:
    """Across the hour that daylight saving skips; commas are decimal marks, days come first."""
    folder = tmp_path / "data"
    folder.mkdir()
    data = make(folder, ONE_COLUMN)
    summer_time = int(np.datetime64("2022-03-27T05:00", "ns").astype(np.int64))
    number = int(np.searchsorted(data.stored.reference_times, summer_time))
    reference = int(data.stored.reference_times[number])
    rows = cut(data.files["load"], reference)
    vienna = ZoneInfo("Europe/Vienna")
    lines = ["Zeit;load"]
    for time, value in zip(rows.times.tolist(), rows.values.tolist(), strict=True):
        local = datetime.fromtimestamp(time / 1e9, UTC).astimezone(vienna)
        lines.append(f"{local:%d.%m.%Y %H:%M};{value!r}".replace(".", ",").replace(",", ".", 2))
    path = tmp_path / "new.csv"
    path.write_text("\n".join(lines) + "\n")
    inputs = Inputs(data.configuration, ["load"], {"load": TrainedFile("load.csv", "Europe/Vienna", day_first=True)})

    found, window = find_window(inputs, from_csv(path, inputs, tmp_path), reference, None)

    assert found == reference
    assert np.array_equal(window[0], data.inputs[number])
