"""``foretide dataset build``: the golden vectors out of CSV files, a report, and problems in plain words."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from foretide.cli.main import build as command_line

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def run(configuration: Path, data: Path, out: Path, *options: str) -> Result:
    words = ["dataset", "build", str(configuration), "--data", str(data), "--out", str(out), *options]
    return CliRunner().invoke(command_line(), words)


def changed_case(folder: Path, **changes: Any) -> Path:
    """The first case's configuration with other fields."""
    document = json.loads((GOLDEN / CASES[0] / "configuration.json").read_text(encoding="utf-8"))
    path = folder / "configuration.json"
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES)
def test_golden_vectors_come_out_of_their_files(case: str, tmp_path: Path) -> None:
    result = run(GOLDEN / case / "configuration.json", GOLDEN / case, tmp_path / "out.npz", "--float64")

    assert result.exit_code == 0, result.output
    with (
        np.load(tmp_path / "out.npz", allow_pickle=False) as found,
        np.load(GOLDEN / case / "expected.npz") as expected,
    ):
        for name in ("inputs", "targets", "inputs_scaled", "targets_scaled"):
            assert found[name].dtype == np.float64
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9)
        assert found["reference_times"].dtype == np.int64
        for name in ("reference_times", "split"):
            assert np.array_equal(found[name], expected[name])
        assert len(found["input_features"]) == found["inputs"].shape[2]
        assert len(found["target_features"]) == found["targets"].shape[2]
        assert [len(found[part]) for part in ("train", "validation", "test")] == found["split"].tolist()


def test_float32_is_written_unless_float64_is_asked_for(tmp_path: Path) -> None:
    run(changed_case(tmp_path), GOLDEN / CASES[0], tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert {found[name].dtype for name in ("inputs", "targets_scaled")} == {np.dtype(np.float32)}


def test_the_report_says_what_was_dropped_and_what_was_not_used(tmp_path: Path) -> None:
    case = "p3_nan_gap_irregular"
    result = run(GOLDEN / case / "configuration.json", GOLDEN / case, tmp_path / "out.npz", "--report")
    for words in (
        "225 reference times were looked at",
        "not_a_number",
        "longest stretches",
        "Not used here: case, description",
    ):
        assert words in result.output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_stepz": {}}, "time_stepz"),
        ({"timezone": "Europe/Wien"}, "unknown time zone"),
        ({"split": {"train": 0.98, "validation": 0.01, "test": 0.01}}, "windows"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    result = run(changed_case(tmp_path, **changes), GOLDEN / CASES[0], tmp_path / "out.npz")
    assert result.exit_code == 1
    assert words in result.output
    assert not (tmp_path / "out.npz").exists()


def test_f08_file_names_are_data_never_paths(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    shutil.copytree(GOLDEN / CASES[0], inside)
    (inside / "load_15min.csv").rename(tmp_path / "load_15min.csv")
    document = json.loads((inside / "configuration.json").read_text(encoding="utf-8"))
    for entry in document["series"]:
        entry["file"] = "../load_15min.csv"
    (tmp_path / "configuration.json").write_text(json.dumps(document), encoding="utf-8")

    result = run(tmp_path / "configuration.json", inside, tmp_path / "out.npz")

    assert result.exit_code == 1
    assert "is not in" in result.output


def test_a_missing_file_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    document = json.loads((GOLDEN / CASES[0] / "configuration.json").read_text(encoding="utf-8"))
    document["series"][0]["file"] = "load_15.csv"
    path = changed_case(tmp_path, series=document["series"])
    result = run(path, GOLDEN / CASES[0], tmp_path / "out.npz")
    assert "'load_15min.csv'" in result.output


@pytest.mark.parametrize(("text", "words"), [("{", "cannot be read"), ("[]", "the document")])
def test_what_is_no_configuration_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "configuration.json").write_text(text, encoding="utf-8")
    result = run(tmp_path / "configuration.json", GOLDEN / CASES[0], tmp_path / "out.npz")
    assert result.exit_code == 1
    assert words in result.output


def test_a_forecast_is_seen_as_it_was_known_at_the_reference_time(tmp_path: Path) -> None:
    """What was issued last is taken: each issue's values are its number, one every 12 hours."""
    start, hour = datetime(2024, 1, 1), timedelta(hours=1)
    load = [f"{start + n * hour},{n}" for n in range(24 * 30)]
    issues = [f"{start + 12 * n * hour},{start + (12 * n + k) * hour},{n}" for n in range(60) for k in range(48)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load", *load]), encoding="utf-8")
    (tmp_path / "weather.csv").write_text("\n".join(["issued,valid,wind", *issues]), encoding="utf-8")
    ahead = {"horizon": {"start_hours": 1, "end_hours": 6}}
    wind = {
        "file": "weather.csv",
        "role": "input",
        "kind": "forecast",
        "issue_column": "issued",
        "time_column": "valid",
    }
    document = {
        "series": [wind | ahead, {"file": "load.csv", "role": "output"} | ahead],
        "time_steps": {"input": 6, "output": 6, "step_minutes": 60},
    }
    (tmp_path / "configuration.json").write_text(json.dumps(document), encoding="utf-8")

    result = run(tmp_path / "configuration.json", tmp_path, tmp_path / "out.npz")

    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        since = found["reference_times"] - np.datetime64(start, "ns").astype(np.int64)
        known = since // (12 * 3_600_000_000_000)
        assert len(known) > 600
        assert np.array_equal(found["inputs"][..., 0], np.repeat(known[:, None], 6, axis=1))


@pytest.mark.parametrize("out", ["nowhere/out.npz", ""])
def test_a_place_that_cannot_be_written_is_said_before_any_work(tmp_path: Path, out: str) -> None:
    result = run(tmp_path / "missing.json", GOLDEN / CASES[0], tmp_path / out)
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_the_report_says_why_there_is_too_little_and_names_series_as_they_are(tmp_path: Path) -> None:
    document = json.loads((GOLDEN / CASES[0] / "configuration.json").read_text(encoding="utf-8"))
    document["series"][0] |= {"name": "load [kw]", "horizon": {"start_hours": -24 * 365, "end_hours": 0}}
    path = changed_case(tmp_path, series=document["series"])

    result = run(path, GOLDEN / CASES[0], tmp_path / "out.npz", "--report")

    assert result.exit_code == 1
    assert "Not enough data" in result.output
    assert "load [kw]: before" in result.output


def test_back_tests_are_written_beside_the_parts(tmp_path: Path) -> None:
    split = {"embargo": False, "backtest": {"folds": 3, "windows": 10}}
    result = run(changed_case(tmp_path, split=split), GOLDEN / CASES[0], tmp_path / "out.npz")
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert len(found["reference_times"]) == 106
        assert found["backtest"].tolist() == [[76, 76, 86], [86, 86, 96], [96, 96, 106]]


@pytest.mark.parametrize(("column", "shift"), [("begin", 0), ("end", 1)])
def test_the_times_are_those_of_the_column_that_is_named(tmp_path: Path, column: str, shift: int) -> None:
    start, hour = datetime(2024, 1, 1), timedelta(hours=1)
    rows = [f"{start + n * hour},{start + (n + 1) * hour},{n}" for n in range(24 * 20)]
    (tmp_path / "load.csv").write_text("\n".join(["begin,end,load", *rows]), encoding="utf-8")
    horizon = {"horizon": {"start_hours": 0, "end_hours": 3}}
    document = {
        "series": [{"file": "load.csv", "role": role, "time_column": column} | horizon for role in ("input", "output")],
        "time_steps": {"input": 4, "output": 4, "step_minutes": 60},
    }
    (tmp_path / "configuration.json").write_text(json.dumps(document), encoding="utf-8")

    result = run(tmp_path / "configuration.json", tmp_path, tmp_path / "out.npz")

    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        first = found["reference_times"][0] - np.datetime64(start, "ns").astype(np.int64)
        assert (first, found["inputs"][0, 0, 0]) == (shift * 3_600_000_000_000, 0.0)
