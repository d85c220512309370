"""What a one-shot forecast ends with, and that names in it are names."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.trainer.forecasting.outputs import OUTPUTS, Forecasted, plain_text, write_outputs
from tests.unit.series.examples import hourly

TIMES = ["2024-01-02T00:00:00Z", "2024-01-02T01:00:00Z"]


def forecasted(target: str, values: list[float], times: list[str] = TIMES) -> Forecasted:
    forecast: dict[str, Any] = {
        "target": target,
        "unit": "kW",
        "model": "Linear",
        "reference_time": "2024-01-01T23:00:00Z",
        "times": times,
        "local_times": [time.replace("Z", "+00:00") for time in times],
        "values": values,
        "intervals": [{"level": 0.9, "lower": [v - 1 for v in values], "upper": [v + 1 for v in values]}],
    }
    return Forecasted(forecast, hourly(24))


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_same_forecast_gives_the_same_three_files(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write_outputs(folder, {"job_id": "7"}, [forecasted("load", [1.5, -2.25]), forecasted("price", [3.0, 4.0])])

    assert {path.name for path in folders[0].iterdir()} == OUTPUTS.keys()
    for name in OUTPUTS:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    document = orjson.loads((folders[0] / "output.json").read_bytes())
    assert document["job_id"] == "7"
    assert [one["target"] for one in document["forecasts"]] == ["load", "price"]
    assert (folders[0] / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_has_a_row_for_each_time_and_columns_for_each_target(tmp_path: Path) -> None:
    later = ["2024-01-02T01:00:00Z", "2024-01-02T02:00:00Z"]
    write_outputs(tmp_path, {}, [forecasted("load", [1.5, -2.25]), forecasted("price", [3.0, 4.0], later)])

    head, *rows = table(tmp_path / "forecast.csv")

    assert head == ["time", "local time"] + [
        f"{name}{part}" for name in ("load", "price") for part in ("", " lower 90 %", " upper 90 %")
    ]
    assert [row[0] for row in rows] == [*TIMES, "2024-01-02T02:00:00Z"]
    assert [row[2] for row in rows] == ["1.5", "-2.25", ""]
    assert [row[5] for row in rows] == ["", "3.0", "4.0"]


def test_f59_a_name_that_a_spreadsheet_would_compute_is_text_and_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    write_outputs(tmp_path, {}, [forecasted('=HYPERLINK("http://x")', [-1.0, -2.0])])

    head, first, _ = table(tmp_path / "forecast.csv")

    assert head[2] == '\'=HYPERLINK("http://x")'
    assert all(not cell.startswith(("=", "+", "@")) for cell in head)
    assert first[2] == "-1.0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        (" @sum", "' @sum"),
        ("-cmd", "'-cmd"),
        ("\t=1", "'\t=1"),
        ("-10.4", "-10.4"),
        ("load", "load"),
    ],
)
def test_f59_only_text_that_is_no_number_is_neutralised(text: str, shown: str) -> None:
    assert plain_text(text) == shown


def test_a_name_with_dollar_signs_is_drawn_as_it_is(tmp_path: Path) -> None:
    write_outputs(tmp_path, {}, [forecasted(r"price $\frac{ in $", [1.0, 2.0])])

    assert (tmp_path / "forecast.png").stat().st_size > 1000
