"""The canonical copy: sorted, one row per time, typed; every other row is counted and listed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from shared.analysis import canonical
from shared.analysis.analyse import analyse_file
from shared.analysis.canonical import canonical_names
from shared.analysis.document import AnalysisOverrides

from .conftest import Analyse, analyse_bytes


def test_times_are_utc_nanoseconds_and_numbers_are_floats(analyse: Analyse) -> None:
    found = analyse("day,load,state,count\n2024-01-01,1.5,on,7\n")
    assert found.canonical.schema == {
        "time": pl.Datetime("ns", "UTC"),
        "load": pl.Float64,
        "count": pl.Float64,
    }


def test_rows_are_sorted_by_time(analyse: Analyse) -> None:
    found = analyse("time,load\n2024-01-03,3\n2024-01-01,1\n2024-01-02,2\n")
    assert found.canonical["load"].to_list() == [1, 2, 3]
    assert found.analysis.unsorted == 1


def test_the_first_row_of_each_time_is_kept_and_the_others_are_listed(analyse: Analyse) -> None:
    found = analyse("time,load\n2024-01-02,1\n2024-01-01,2\n2024-01-02,3\n2024-01-02,4\n")
    assert found.canonical["load"].to_list() == [2, 1]
    assert found.analysis.duplicates == 2
    assert [row.line for row in found.analysis.duplicate_rows] == [4, 5]
    assert "is the time of line 2 already" in found.analysis.duplicate_rows[0].reason


def test_rows_without_a_time_are_rejected_and_listed(analyse: Analyse) -> None:
    found = analyse("time,load\n2024-01-01,1\n,2\n2024-01-03,3\nNA,4\n")
    assert found.canonical["load"].to_list() == [1, 3]
    assert [row.line for row in found.analysis.rejected_rows] == [3, 5]
    assert found.column(0).missing_tokens == {"": 1, "NA": 1}


def test_lines_are_right_where_cells_hold_line_breaks(analyse: Analyse) -> None:
    found = analyse('time,load,note\n2024-01-01,1,"two\nlines"\n,2,x\n2024-01-01,3,"a\n\nb"\n')
    assert found.analysis.rejected_rows[0].line == 4
    assert found.analysis.duplicate_rows[0].line == 5


def test_a_hundred_are_listed_and_all_are_counted(analyse: Analyse) -> None:
    rows = "".join(f"2024-01-01 {n // 60:02}:{n % 60:02},1\n,2\n" for n in range(0, 600, 1))
    found = analyse(f"time,load\n{rows}{rows}")
    assert (found.analysis.rejected_count, len(found.analysis.rejected_rows)) == (1200, 100)
    assert (found.analysis.duplicates, len(found.analysis.duplicate_rows)) == (600, 100)


def test_gaps_are_counted_and_listed(analyse: Analyse) -> None:
    rows = "".join(f"2024-01-01 {hour:02}:00,{hour}\n" for hour in range(24) if hour not in (5, 6, 10))
    found = analyse(f"time,load\n{rows}")
    assert found.analysis.gap_count == 2
    assert found.analysis.model_dump(mode="json")["gaps"] == [
        {"from": "2024-01-01T04:00:00Z", "to": "2024-01-01T07:00:00Z", "missing": 2},
        {"from": "2024-01-01T09:00:00Z", "to": "2024-01-01T11:00:00Z", "missing": 1},
    ]


def test_the_step_is_the_median_and_the_mode_is_beside_it(analyse: Analyse) -> None:
    minutes = [0, 10, 20, 30, 45, 60, 75, 90, 120]
    found = analyse("time,load\n" + "".join(f"2024-01-01 {m // 60:02}:{m % 60:02},1\n" for m in minutes))
    assert (found.analysis.step_minutes, found.analysis.step_mode_minutes) == (15, 15)
    assert found.analysis.irregular_steps == 4
    assert (found.analysis.first_time, found.analysis.last_time) == ("2024-01-01T00:00:00Z", "2024-01-01T02:00:00Z")


def test_one_row_has_no_step(analyse: Analyse) -> None:
    analysis = analyse("time,load\n2024-01-01,1\n").analysis
    assert analysis.step_minutes is None
    assert analysis.first_time == analysis.last_time == "2024-01-01T00:00:00Z"


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    path.write_text("time,load\n" + "".join(f"{1_700_000_000 + n * 7919 % 300_007},{n}\n" for n in range(300_000)))
    copies = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for copy in copies:
        analyse_file(path, file_name="load.csv", parquet_path=copy)
    assert copies[0].read_bytes() == copies[1].read_bytes()
    assert pl.read_parquet(copies[0])["time"].is_sorted()


def test_names_are_unique_whatever_the_labels() -> None:
    labels = ["load", "load", "load (2)", "", "column 4", "time", "time", ""]
    names = canonical_names(labels, ["number"] * len(labels))
    assert len({*names, "time"}) == len(labels) + 1
    assert names[0] == "load"
    assert names[2] == "load (2)"


def test_unsorted_rows_are_sorted_in_parts_where_there_are_many(
    analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "_SORTED_AT_ONCE", 20)
    seconds = [1_700_000_000 + n * 7919 % 1009 for n in [*range(1009), 5, 7]]
    found = analyse("time,load,n\n" + "".join(f"{second},{n},1\n" for n, second in enumerate(seconds)))
    assert found.analysis.duplicates == 2
    assert found.canonical["time"].is_sorted()
    assert found.canonical["load"].to_list() == sorted(range(1009), key=lambda n: seconds[n])


def test_a_column_whose_numbers_begin_beyond_the_sample_is_kept(analyse: Analyse) -> None:
    late = range(2_000, 3_000)
    rows = [f"{1_700_000_000 + second},{'x' * 200},1,{second if second in late else ''}\n" for second in range(5_000)]
    found = analyse("time,note,load,late\n" + "".join(rows))
    assert found.column(3).kind == "number"
    assert found.canonical["late"].count() == len(late)


def test_one_odd_cell_in_a_later_block_changes_nothing_else(analyse: Analyse) -> None:
    lines = [f"{1_700_000_000 + second},{second}.5,{second}" for second in range(200)]
    lines[150] = f"{1_700_000_150},NaN, 150 "
    found = analyse("time,load,n\n" + "\n".join(lines) + "\n")
    assert found.column(1).missing_tokens == {"NaN": 1}
    assert found.canonical["load"].to_list() == [None if n == 150 else n + 0.5 for n in range(200)]
    assert found.canonical["n"].to_list() == list(range(200))


def test_the_analysis_survives_its_way_through_json(tmp_path: Path) -> None:
    content = "time,load\n2024-01-01,1\n2024-01-03,2\n2024-01-04,NaN\n"
    analysis = analyse_bytes(tmp_path, content, AnalysisOverrides()).analysis
    assert type(analysis).model_validate(analysis.model_dump(mode="json")) == analysis
