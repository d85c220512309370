"""A whole request, as a child carries it out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from services.trainer.child.job import run_job
from services.trainer.forecasting.work import carry_out
from shared.problems import Category, ProblemError
from shared.series.scalers import Scaler
from shared.series.series import Series, moment_text
from tests.synthetic import load_and_temperature, load_configuration
from tests.unit.trainer.conftest import write

LOAD, AIR = "load.csv/value", "temperature.csv/value"
MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]
HERE = {"load": "1f", "temperature": "2f"}
"""The files' ids in the session that asks; the data set was made in another one."""


def own_names(document: dict[str, Any]) -> dict[str, Any]:
    named = copy.deepcopy(document)
    for entry in named["series"]:
        entry["file"] = HERE[entry["file"]]
    return named


@pytest.fixture(scope="module")
def two_targets(tmp_path_factory: pytest.TempPathFactory, job: MakeJob) -> tuple[Path, dict[str, Any]]:
    """A folder with a data set, and a model of each target in a folder of its name; and the configuration."""
    folder = tmp_path_factory.mktemp("two")
    document = load_configuration()
    past = {"start_hours": -23, "end_hours": 0}
    document["series"] = [
        {**entry, "horizon": past} if "ahead" in entry["name"] else entry for entry in document["series"]
    ]
    ahead = {"start_hours": 1, "end_hours": 24}
    document["series"].append({"file": "temperature", "role": "output", "name": "air", "unit": "°C", "horizon": ahead})
    load, temperature = load_and_temperature(days=40)
    write(folder, document, {"load": load, "temperature": temperature})
    for target in ("load", "air"):
        run_job(job(folder, folder / target, {"kind": "Linear"}, target), lambda _: None)
    for series in (load, temperature):
        _parquet(folder / f"{HERE[series.name]}.parquet", series)
    return folder, document


def _parquet(path: Path, series: Series) -> None:
    times = pl.Series(series.times).cast(pl.Datetime("ns", "UTC"))
    pl.DataFrame({"time": times, "value": series.values}).write_parquet(path)


def specification(folder: Path, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    configuration = own_names(document)
    for entry in configuration["series"]:
        entry["value_column"] = "value"
    models = [
        {"folder": str(folder / target), "manifest": str(folder / "manifest.json"), "configuration": configuration}
        for target in ("air", "load")
    ]
    files = {file_id: {"name": f"{name}.csv", "timezone": "UTC", "day_first": None} for name, file_id in HERE.items()}
    base = {"models": models, "files": files, "rows": str(folder), "form": "files", "reference_time": None}
    return {**base, "outputs": None, **changes}


def _last_rows() -> dict[str, dict[str, Any]]:
    """The last 30 of each series, as a request has them."""
    rows = {}
    for one in load_and_temperature(days=40):
        times = [moment_text(int(time)) for time in one.times[-30:]]
        rows[f"{one.name}.csv/value"] = {"times": times, "values": one.values[-30:].tolist()}
    return rows


def test_beyond_the_end_of_a_session_s_own_files_every_target_is_forecast_and_written(
    two_targets: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, document = two_targets
    end = int(load_and_temperature(days=40)[0].times[-1])

    outputs = {"folder": str(tmp_path), "job_id": "7"}
    found = carry_out(specification(folder, document, outputs=outputs))["forecasts"]

    assert [one["target"] for one in found] == ["air", "load"]
    for one in found:
        assert one["reference_time"] == moment_text(end)
        assert one["times"][0] > moment_text(end)
        assert np.isfinite(one["values"]).all()
    written = orjson.loads((tmp_path / "output.json").read_bytes())
    assert written == {"job_id": "7", "forecasts": orjson.loads(orjson.dumps(found))}


def test_json_rows_of_the_same_moment_give_the_same_forecast(
    two_targets: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, document = two_targets
    series = _last_rows()
    rows = tmp_path / "rows.json"
    rows.write_bytes(orjson.dumps({"series": series}))

    by_rows = carry_out(specification(folder, document, form="json", rows=str(rows)))
    by_files = carry_out(specification(folder, document))

    assert by_rows == by_files


def test_models_of_different_inputs_are_asked_together_each_taking_its_own_of_the_rows(
    two_targets: tuple[Path, dict[str, Any]], tmp_path: Path, job: MakeJob
) -> None:
    folder, document = two_targets
    # A later run's: its one input is load alone, under another name.
    of_load = {**document, "series": [entry for entry in document["series"] if entry["file"] == "load"]}
    of_load["series"][0] = {**of_load["series"][0], "name": "consumption"}
    load, temperature = load_and_temperature(days=40)
    write(tmp_path, of_load, {"load": load})
    run_job(job(tmp_path, tmp_path / "load", {"kind": "Linear"}, "load"), lambda _: None)
    asked, alone = specification(folder, document, form="json"), specification(tmp_path, of_load, form="json")
    asked["models"] = [asked["models"][0], alone["models"][1]]
    series = {}
    for one in (load, temperature):
        times = [moment_text(int(time)) for time in one.times[-30:]]
        series[f"{one.name}.csv/value"] = {"times": times, "values": one.values[-30:].tolist()}

    def forecast(wanted: dict[str, Any], names: tuple[str, ...]) -> Any:
        rows = tmp_path / "rows.json"
        rows.write_bytes(orjson.dumps({"series": {name: series.get(name, series[LOAD]) for name in names}}))
        return carry_out({**wanted, "rows": str(rows)})["forecasts"]

    together = forecast(asked, (LOAD, AIR))

    assert [one["target"] for one in together] == ["air", "load"]
    assert [together[1]] == forecast({**alone, "models": alone["models"][1:]}, (LOAD,))
    with pytest.raises(ProblemError, match="'wind' is no input"):
        forecast(asked, (LOAD, AIR, "wind"))
    with pytest.raises(ProblemError, match="no rows of"):
        forecast(asked, (LOAD,))


def test_a_value_beyond_what_is_computed_with_is_refused_with_the_name_of_its_input(
    two_targets: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, document = two_targets
    series = _last_rows()
    series[LOAD]["values"] = [1e300] * 30
    rows = tmp_path / "rows.json"
    rows.write_bytes(orjson.dumps({"series": series}))

    with pytest.raises(ProblemError, match=r"'load' have values as large as 1e\+300") as raised:
        carry_out(specification(folder, document, form="json", rows=str(rows)))

    assert raised.value.problem.category is Category.DATA_VALIDATION


def test_a_forecast_that_is_no_number_is_a_problem_and_no_file_of_it_is_written(
    two_targets: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scaler, "inverse", lambda _, values: values * np.inf)

    with pytest.raises(ProblemError, match="not finite") as raised:
        carry_out(specification(*two_targets, outputs={"folder": str(tmp_path), "job_id": "7"}))

    assert raised.value.problem.category is Category.INTERNAL
    assert not list(tmp_path.iterdir())
