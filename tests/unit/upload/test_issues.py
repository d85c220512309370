"""Files of forecasts: each row says for when its value is, and when it was issued."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from tests.unit.upload.conftest import Analyse

START = datetime(2024, 3, 1)
HOURS = timedelta(hours=1)


def rows(every: int, ahead: int, issues: int = 10) -> list[tuple[datetime, datetime, float]]:
    """Issue time, valid time and a value that is different in each row."""
    return [
        (START + issue * every * HOURS, START + (issue * every + hour) * HOURS, issue + hour / 100)
        for issue in range(issues)
        for hour in range(ahead)
    ]


def sorted_by(column: int, given: list[tuple[datetime, datetime, float]]) -> list[tuple[datetime, datetime, float]]:
    return sorted(given, key=lambda row: (row[column], row[1 - column]))


@pytest.mark.parametrize(("every", "ahead"), [(12, 48), (1, 48), (24, 24), (24, 12)])
@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("header", ["issued,valid,kW", "valid,issued,kW"])
def test_every_issue_of_a_time_is_kept(analyse: Analyse, every: int, ahead: int, column: int, header: str) -> None:
    given = sorted_by(column, rows(every, ahead))
    swapped = header.startswith("valid")
    lines = [f"{valid},{issue},{value}" if swapped else f"{issue},{valid},{value}" for issue, valid, value in given]

    found = analyse("\n".join([header, *lines]) + "\n")

    assert found.analysis.time_column == "valid"
    assert found.analysis.duplicates == 0
    assert found.analysis.canonical_rows == len(given)
    assert found.canonical.schema["issued"] == pl.Datetime("ns", "UTC")
    assert found.canonical["time"].is_sorted()
    kept = found.canonical.select(
        pl.col("issued").dt.replace_time_zone(None), pl.col("time").dt.replace_time_zone(None), "kW"
    )
    assert sorted(kept.rows()) == sorted(given)
    assert found.analysis.step_minutes == 60


def test_the_same_issue_twice_is_a_duplicate(analyse: Analyse) -> None:
    lines = [f"{issue},{valid},{value}" for issue, valid, value in rows(12, 48)]
    found = analyse("\n".join(["issued,valid,kW", *lines, lines[0]]) + "\n")
    assert found.analysis.duplicates == 1
    assert found.canonical.height == len(lines)


def test_what_was_noted_after_its_time_is_no_forecast(analyse: Analyse) -> None:
    stored = START + timedelta(days=30)
    lines = [f"{START + hour * HOURS},{stored},{hour}.5" for hour in [*range(40), 39]]
    found = analyse("\n".join(["time,stored,kW", *lines]) + "\n")
    assert found.analysis.time_column == "time"
    assert found.analysis.duplicates == 1
    assert found.canonical.columns == ["time", "kW"]


def test_in_the_hour_that_happens_twice_each_issue_is_in_order_by_itself(analyse: Analyse) -> None:
    """Local 02:00 to 02:59 on 27 October 2024 in Vienna: 00:00 UTC first, then 01:00 UTC."""
    night = ["01:00", "02:00", "02:00", "03:00"]
    lines = [f"2024-10-{day} 12:00,2024-10-27 {hour},{hour[1]}" for day in (25, 26) for hour in night]
    found = analyse("\n".join(["issued,valid,kW", *lines]) + "\n", timezone="Europe/Vienna")
    assert found.analysis.duplicates == 0
    for day in (25, 26):
        issue = found.canonical.filter(pl.col("issued").dt.day() == day)
        assert issue["time"].dt.strftime("%d %H").to_list() == ["26 23", "27 00", "27 01", "27 02"]
        assert issue["issued"].dt.hour().to_list() == [10] * 4
