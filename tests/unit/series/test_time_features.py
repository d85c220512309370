"""Calendar features: daylight-saving time, leap years, holidays and the days beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.problems import Category, ProblemError
from shared.series.calendar_columns import feature_names
from shared.series.configuration import parse_configuration
from shared.series.references import References
from shared.series.series import Values
from shared.series.time_features import calendar_sources
from tests.reference.features import share
from tests.unit.series.examples import HOUR, document

CYCLES = ("year", "month", "week", "day")


def stamp(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def columns(at: list[str] | list[int], zone: str = "UTC", **features: Any) -> dict[str, list[float]]:
    """Each column at each time, by its name."""
    configuration = parse_configuration(document(timezone=zone, time_features=features))
    found: list[list[Values]] = []
    for moment in at:
        one = References(stamp(moment) if isinstance(moment, str) else moment, HOUR, 1)
        found.append([c.steps()[0][0] for source, _ in calendar_sources(configuration, 1) for c in source(one).columns])
    names = feature_names(configuration)
    return {name: [float(row[place]) for row in found] for place, name in enumerate(names)}


def phase(found: dict[str, list[float]], name: str) -> list[float]:
    """The share of the cycle that has passed, 0 to 1."""
    turns = np.arctan2(found[f"{name} sine"], found[f"{name} cosine"]) / (2 * np.pi)
    return [round(float(turn), 9) % 1 for turn in turns]


def here(**more: Any) -> dict[str, Any]:
    return {"at": "reference", **more}


def test_f67_local_midnight_is_the_days_start_in_winter_and_in_summer() -> None:
    midnights = ["2024-01-14T23:00", "2024-07-14T22:00"]

    local = columns(midnights, "Europe/Vienna", day=here(local=True), week=here(local=True))

    assert phase(local, "day") == [0, 0]
    assert phase(local, "week") == [0, 0]
    assert phase(columns(midnights, "Europe/Vienna", day=here()), "day") == [
        pytest.approx(23 / 24),
        pytest.approx(22 / 24),
    ]


def test_f67_a_changes_hour_is_missing_in_spring_and_comes_twice_in_autumn() -> None:
    spring = ["2024-03-31T00:30", "2024-03-31T01:30"]
    autumn = ["2024-10-27T00:30", "2024-10-27T01:30"]

    found = columns([*spring, *autumn], "Europe/Vienna", day=here(local=True))

    assert phase(found, "day") == [pytest.approx(hours / 24) for hours in (1.5, 3.5, 2.5, 2.5)]


def test_a_months_end_without_such_an_hour_is_no_obstacle() -> None:
    found = columns(["2024-03-30T01:00"], "Europe/Vienna", month=here(local=True))
    assert phase(found, "month") == [pytest.approx((29 + 2 / 24) / 31)]


def test_leap_years_and_months_have_their_own_length() -> None:
    noons = ["2024-02-29T12:00", "2023-02-28T12:00", "2024-12-31T12:00", "2023-12-31T12:00"]

    found = columns(noons, year=here(local=True), month=here(local=True))

    assert phase(found, "year") == [
        pytest.approx(day / days, abs=1e-9) for day, days in ((59.5, 366), (58.5, 365), (365.5, 366), (364.5, 365))
    ]
    assert phase(found, "month") == [
        pytest.approx(day / days, abs=1e-9) for day, days in ((28.5, 29), (27.5, 28), (30.5, 31), (30.5, 31))
    ]


# Python and Polars bring a time zone database each; of other names and years their releases tell different stories.
@given(
    st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone)),
    st.integers(stamp("2007-01-01"), stamp("2022-01-01")),
)
@settings(max_examples=300, deadline=None)
def test_every_zones_clock_is_that_of_the_slow_reference(zone: str, moment: int) -> None:
    found = columns([moment], zone, **{name: here(local=True) for name in CYCLES})
    for name in CYCLES:
        expected = share(name, moment, ZoneInfo(zone))
        assert found[f"{name} sine"] == [pytest.approx(np.sin(2 * np.pi * expected), abs=1e-12)]
        assert found[f"{name} cosine"] == [pytest.approx(np.cos(2 * np.pi * expected), abs=1e-12)]


def test_holidays_and_the_days_beside_them_are_columns_of_their_own() -> None:
    days = [f"2024-12-{day}T12:00" for day in range(23, 28)] + ["2024-12-31T12:00", "2025-01-02T12:00"]
    holiday = here(country="AT", day_before=True, day_after=True, lists={"shutdown": ["2024-12-23", "2024-12-24"]})

    found = columns(days, holiday=holiday)

    assert found == {
        "holiday": [0, 0, 1, 1, 0, 0, 0],
        "day before holiday": [0, 1, 1, 0, 0, 1, 0],
        "day after holiday": [0, 0, 0, 1, 1, 0, 1],
        "shutdown": [1, 1, 0, 0, 0, 0, 0],
    }


def test_a_holiday_begins_at_local_midnight() -> None:
    around = ["2024-12-24T22:30", "2024-12-24T23:30"]
    assert columns(around, "Europe/Vienna", holiday=here(country="AT", local=True))["holiday"] == [0, 1]
    assert columns(around, "Europe/Vienna", holiday=here(country="AT"))["holiday"] == [0, 0]


def test_a_subdivisions_holidays_are_its_own() -> None:
    assert columns(["2024-05-30T12:00"], holiday=here(country="DE"))["holiday"] == [0]
    assert columns(["2024-05-30T12:00"], holiday=here(country="DE", subdivision="BY"))["holiday"] == [1]


def test_dates_given_take_the_countrys_place_and_lists_need_no_holidays() -> None:
    days = ["2024-12-25T12:00", "2024-06-03T12:00"]
    assert columns(days, holiday=here(country="AT", dates=["2024-06-03"])) == {"holiday": [0, 1]}
    assert columns(days, holiday=here(lists={"school": ["2024-12-25"]})) == {"school": [1, 0]}


@pytest.mark.parametrize("holiday", [{"country": "XX"}, {"country": "AT", "subdivision": "BY"}])
def test_an_unknown_country_or_subdivision_is_a_problem(holiday: dict[str, Any]) -> None:
    with pytest.raises(ProblemError) as raised:
        columns(["2024-01-01T00:00"], holiday=holiday)
    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert "time_features.holiday" in raised.value.problem.detail


def test_f66_two_configurations_at_once_do_not_know_of_each_other() -> None:
    times = [f"2024-03-{day:02}T05:00" for day in range(1, 29)]
    wanted: list[dict[str, Any]] = [
        {"year": here()},
        {"week": here(local=True), "holiday": here(country="AT")},
        {"day": here(local=True)},
        {},
    ]
    alone = [columns(times, "Europe/Vienna", **features) for features in wanted]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda number: columns(times, "Europe/Vienna", **wanted[number % 4]), range(20)))

    assert together == [alone[number % 4] for number in range(20)]
