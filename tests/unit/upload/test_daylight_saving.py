"""Local times around both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from shared.analysis.document import AnalysisOverrides

from .conftest import Analyse, Refuse

VIENNA = "Europe/Vienna"


def local_file(moments: list[datetime], zone: str) -> str:
    rows = (f"{moment.astimezone(ZoneInfo(zone)):%d.%m.%Y %H:%M};{i}\n" for i, moment in enumerate(moments))
    return "time;load\n" + "".join(rows)


def every(minutes: int, start: datetime, end: datetime) -> list[datetime]:
    return [start + timedelta(minutes=n) for n in range(0, int((end - start).total_seconds()) // 60, minutes)]


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [
        (VIENNA, 60),
        (VIENNA, 15),
        ("America/New_York", 60),
        ("Africa/Casablanca", 15),
        ("Australia/Lord_Howe", 15),  # changes by half an hour
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_f14_a_year_of_local_times_loses_nothing(analyse: Analyse, zone: str, minutes: int, order: int) -> None:
    moments = every(minutes, datetime(2023, 1, 5, tzinfo=UTC), datetime(2024, 1, 5, tzinfo=UTC))
    found = analyse(local_file(moments[::order], zone), timezone=zone)
    assert found.analysis.rejected_count == found.analysis.duplicates == found.analysis.gap_count == 0
    assert found.canonical["time"].to_list() == moments
    expected = list(range(len(moments)))[::order]
    assert found.canonical["load"].to_list() == expected


def test_f14_the_repeated_hour_is_told_apart_by_order_and_said(analyse: Analyse) -> None:
    found = analyse(
        "time;load\n27.10.2024 01:00;0\n27.10.2024 02:00;1\n27.10.2024 02:00;2\n27.10.2024 03:00;3\n", timezone=VIENNA
    )
    assert found.times() == ["2024-10-26 23:00", "2024-10-27 00:00", "2024-10-27 01:00", "2024-10-27 02:00"]
    assert found.canonical["load"].to_list() == [0, 1, 2, 3]
    (ambiguity,) = found.analysis.ambiguities
    assert ambiguity.subject == "repeated_hour"
    assert "2 rows" in ambiguity.detail


def test_f14_the_second_time_round_is_found_with_rows_missing(analyse: Analyse) -> None:
    clock = ["02:00", "02:30", "02:45", "02:00", "02:15", "02:45"]
    found = analyse("time;load\n" + "".join(f"27.10.2024 {c};{i}\n" for i, c in enumerate(clock)), timezone=VIENNA)
    assert [time[-5:] for time in found.times()] == ["00:00", "00:30", "00:45", "01:00", "01:15", "01:45"]
    assert found.analysis.duplicates == 0


def test_f14_times_that_do_not_exist_are_rejected_and_listed(analyse: Analyse) -> None:
    found = analyse("time;load\n31.03.2024 01:30;1\n31.03.2024 02:30;2\n31.03.2024 03:30;3\n", timezone=VIENNA)
    assert (found.analysis.row_count, found.analysis.rejected_count) == (3, 1)
    (rejected,) = found.analysis.rejected_rows
    assert rejected.line == 3
    assert "2024-03-31 02:30:00 does not exist in Europe/Vienna" in rejected.reason
    assert found.times() == ["2024-03-31 00:30", "2024-03-31 01:30"]


def test_f14_a_file_with_nothing_but_such_times_is_refused(refuse: Refuse) -> None:
    assert "Europe/Vienna" in refuse("time;load\n31.03.2024 02:30;2\n", timezone=VIENNA).detail


@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", ""])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="time zone database"):
        AnalysisOverrides(timezone=zone)


def test_the_analysis_says_which_zone_it_used_and_why(analyse: Analyse) -> None:
    content = "time;load\n13.07.2024 12:00;1\n"
    given = analyse(content, timezone=VIENNA)
    assert given.times() == ["2024-07-13 10:00"]
    assert (given.analysis.timezone, given.analysis.timezone_source) == (VIENNA, "given")
    assert given.analysis.time_candidates[0].timezone == VIENNA
    assumed = analyse(content, timezone=None)
    assert assumed.times() == ["2024-07-13 12:00"]
    assert (assumed.analysis.timezone, assumed.analysis.timezone_source) == ("UTC", "assumed")
    (ambiguity,) = assumed.analysis.ambiguities
    assert (ambiguity.subject, ambiguity.choice) == ("timezone", "UTC")
    said = analyse("time;load\n2024-07-01T12:00+02:00;1\n", timezone=VIENNA)
    assert (said.analysis.timezone, said.analysis.timezone_source) == ("UTC", "offset")
