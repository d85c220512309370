"""The demo's files are read as they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import foretide.demo
from shared.analysis.analyse import analyse_file

DATA = Path(foretide.demo.__file__).parent / "data"


@pytest.mark.parametrize(
    ("file_name", "rows", "step_minutes", "columns"),
    [
        ("tetouan_power_10min.csv", 17_280, 10, {"Zone1", "Zone2", "Zone3"}),
        ("tetouan_weather_hourly.csv", 2_880, 60, {"Temperature", "Humidity", "Wind Speed"}),
    ],
)
def test_four_months_without_a_fault(
    tmp_path: Path, file_name: str, rows: int, step_minutes: float, columns: set[str]
) -> None:
    analysis = analyse_file(DATA / file_name, file_name=file_name, parquet_path=tmp_path / "canonical.parquet")
    assert analysis.canonical_rows == analysis.row_count == rows
    assert analysis.step_minutes == step_minutes
    assert analysis.irregular_steps == analysis.gap_count == 0
    assert [ambiguity.subject for ambiguity in analysis.ambiguities] == ["timezone"]
    assert columns <= {column.name for column in analysis.columns if column.kind == "number"}


def test_both_files_together_stay_under_a_megabyte_and_name_their_source() -> None:
    assert sum(path.stat().st_size for path in DATA.glob("*.csv")) < 1_000_000
    source = (DATA / "SOURCE.md").read_text()
    assert "10.24432/C5B034" in source
    assert "CC BY 4.0" in source
