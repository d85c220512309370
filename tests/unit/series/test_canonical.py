"""Series read from canonical copies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shared.problems import Category, ProblemError
from shared.series.canonical import read_series
from shared.series.configuration import SeriesConfiguration
from tests.unit.series.examples import HOUR, START


def at(hour: int) -> datetime:
    return datetime(2024, 1, 1, hour, tzinfo=UTC)


def file(folder: Path, **columns: list[Any]) -> Path:
    path = folder / "file.parquet"
    pl.DataFrame(columns).with_columns(pl.col(pl.Datetime).cast(pl.Datetime("ns", "UTC"))).write_parquet(path)
    return path


def entry(**choices: Any) -> SeriesConfiguration:
    horizon = {"start_hours": 0, "end_hours": 1}
    return SeriesConfiguration(file="id", role="input", value_column="kW", horizon=horizon, **choices)


def test_cells_without_a_number_are_nan(tmp_path: Path) -> None:
    path = file(tmp_path, time=[at(0), at(1)], kW=[1.5, None])

    series = read_series(path, entry(), "load.csv")

    assert (series.times - START).tolist() == [0, HOUR]
    assert str(series.values.tolist()) == "[1.5, nan]"


def test_a_forecasts_rows_keep_their_issue_times(tmp_path: Path) -> None:
    path = file(tmp_path, time=[at(2), at(2)], issued=[at(0), at(1)], kW=[1.0, 2.0])

    series = read_series(path, entry(kind="forecast", issue_column="issued"), "forecast.csv")

    assert series.issues is not None
    assert (series.issues - START).tolist() == [0, HOUR]


@pytest.mark.parametrize(
    ("columns", "choices", "words"),
    [
        ({"time": [at(0)], "kW": [1.0]}, {"kind": "forecast", "issue_column": "issued"}, "no times in column 'issued'"),
        ({"time": [at(0)], "kW": [1.0], "issued": [3.0]}, {"kind": "forecast", "issue_column": "issued"}, "no times"),
        ({"time": [at(0), at(0)], "kW": [1.0, 2.0]}, {}, "several values for one time"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, columns: dict[str, list[Any]], choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProblemError) as raised:
        read_series(file(tmp_path, **columns), entry(**choices), "load.csv")
    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert words in raised.value.problem.detail
    assert "load.csv" in raised.value.problem.detail


def test_a_file_without_rows_is_not_enough(tmp_path: Path) -> None:
    path = file(tmp_path, time=[at(0)], kW=[1.0])
    pl.read_parquet(path).clear().write_parquet(path)
    with pytest.raises(ProblemError) as raised:
        read_series(path, entry(), "load.csv")
    assert raised.value.problem.category is Category.INSUFFICIENT_DATA
