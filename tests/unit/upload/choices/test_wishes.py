"""Every choice can be made by a person; what cannot be is refused with what could be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from services.upload.choices.reading import reading_asked
from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis, AnalysisOverrides
from shared.problems import Category, ProblemError

from .conftest import START, PlanFor, RefusedFor, csv_text
from .test_choose import every, wave

TWO = csv_text(every(60, 1500), {"load": wave(1500, 24), "temperature": wave(1500, 24, seed=2), "note": ["x"] * 1500})
LOCAL = "time,load\n" + "".join(f"{time:%Y-%m-%d %H:%M},{n % 24}\n" for n, time in enumerate(every(60, 900)))


@pytest.mark.parametrize(
    ("wish", "value"),
    [
        ("target_columns", ["temperature"]),
        ("target_columns", ["load", "temperature"]),
        ("input_columns", []),
        ("input_columns", ["temperature"]),
        ("step_minutes", 120.0),
        ("season_steps", 48),
        ("horizon", 6),
        ("input_steps", 30),
        ("method", "nearest"),
        ("max_gap_minutes", 600.0),
        ("window_minutes", 180.0),
        ("time_features", ["day"]),
        ("time_features", []),
        ("models", [{"kind": "Linear"}]),
    ],
)
def test_f65_what_is_asked_for_is_chosen_and_reported(planned: PlanFor, wish: str, value: Any) -> None:
    name = Wishes.model_fields[wish].alias
    assert name is not None
    found, free = planned(TWO, **{wish: value}), planned(TWO)
    assert (found.value(name), found.reason(name)) == (value, "You asked for it.")
    if found.value(name) != free.value(name):
        assert found.configuration != free.configuration
    found.dataset()


def test_a_split_is_taken_as_it_is_asked_for(planned: PlanFor) -> None:
    found = planned(TWO, split={"train": 0.5, "validation": 0.25, "test": 0.25})
    assert found.configuration.split.train == 0.5
    assert found.value("split") == {"train": 0.5, "validation": 0.25, "test": 0.25}


@pytest.mark.parametrize(
    ("wish", "value", "words"),
    [
        ("target_columns", ["laod"], "Did you mean 'load'?"),
        ("target_columns", ["LOAD"], "Did you mean 'load'?"),
        ("input_columns", ["temprature"], "Did you mean 'temperature'?"),
        ("target_columns", ["note"], "Choose another column: load, temperature."),
        ("target_columns", ["time"], "Choose another column: load, temperature."),
        ("models", [{"kind": "Linaer"}], "Did you mean 'Linear'?"),
        ("window_minutes", 90.0, "Ask for a multiple of 60 minutes."),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_with_what_could_be_meant(
    refused: RefusedFor, wish: str, value: Any, words: str
) -> None:
    problem = refused(TWO, **{wish: value})
    assert problem.category is Category.DATA_VALIDATION
    assert words in problem.recovery


def test_more_backtests_than_the_data_has_room_for_are_refused(planned: PlanFor, refused: RefusedFor) -> None:
    split = {"train": 0.7, "validation": 0.2, "test": 0.1}
    assert len(planned(TWO, split={**split, "backtest": {"folds": 2}}).dataset().folds) == 2
    problem = refused(TWO, split={**split, "backtest": {"folds": 11}})
    assert problem.category is Category.INSUFFICIENT_DATA
    assert "no amount of data would be enough" in problem.detail
    assert problem.recovery == ["Leave out split: what the data has room for is chosen then."]


def test_a_gap_to_bridge_without_interpolation_is_refused(refused: RefusedFor) -> None:
    assert "no effect" in refused(TWO, method="nearest", max_gap_minutes=60).title


def test_a_constant_column_cannot_be_forecast(refused: RefusedFor) -> None:
    columns = {"load": wave(300, 24), "plant": np.full(300, 4)}
    problem = refused(every(60, 300), columns, target_columns=["plant"])
    assert problem.category is Category.DATA_VALIDATION
    assert "same value" in problem.detail
    assert "load" in problem.recovery[0]


def test_a_file_without_anything_that_changes_is_refused_with_what_each_column_is(refused: RefusedFor) -> None:
    problem = refused(every(60, 300), {"plant": np.full(300, 4), "row": np.arange(300)})
    assert problem.category is Category.DATA_VALIDATION
    assert "'plant' always has the same value" in problem.detail
    assert "'row' only counts the rows" in problem.detail


@pytest.mark.parametrize("count", [1, 2, 10, 25])
def test_too_little_data_says_what_is_there_and_what_is_needed(refused: RefusedFor, count: int) -> None:
    problem = refused(every(60, count), {"load": wave(count, 24)})
    if count == 1:
        assert problem.category in (Category.INSUFFICIENT_DATA, Category.DATA_VALIDATION)
        return
    assert problem.category is Category.INSUFFICIENT_DATA
    assert problem.technical_details is not None
    assert problem.technical_details["steps"] == count
    assert problem.technical_details["steps_needed"] > count


def test_what_is_said_to_be_needed_is_enough_and_no_more_than_that(planned: PlanFor, refused: RefusedFor) -> None:
    details = refused(every(60, 25), {"load": wave(25, 24)}).technical_details
    assert details is not None
    needed = details["steps_needed"]
    assert planned(every(60, needed), {"load": wave(needed, 24)}).value("horizon") == 1
    refused(every(60, needed - 1), {"load": wave(needed - 1, 24)})


def test_a_horizon_that_is_too_long_is_refused_with_the_way_out(refused: RefusedFor) -> None:
    problem = refused(TWO, horizon=800)
    assert problem.category is Category.INSUFFICIENT_DATA
    assert "Leave out horizon: what the data has room for is chosen then." in problem.recovery


@pytest.mark.parametrize(
    ("wish", "asked"), [("horizon", 800), ("input_steps", 900), ("window_minutes", 60.0 * 24 * 30)]
)
def test_the_largest_wish_that_can_be_met_is_named(
    planned: PlanFor, refused: RefusedFor, wish: str, asked: float
) -> None:
    problem = refused(TWO, **{wish: asked})
    assert problem.category is Category.INSUFFICIENT_DATA
    assert problem.technical_details is not None
    [change] = problem.technical_details["changes"]
    [(name, most)] = change["set"].items()
    assert problem.recovery[0] == f"Lower {name} from {asked:g} to {most:g}."
    assert planned(TWO, **{wish: most})
    step = 60.0 if wish == "window_minutes" else 1
    assert refused(TWO, **{wish: most + step}).category is Category.INSUFFICIENT_DATA


def test_gaps_that_break_every_window_are_named_as_the_cause(refused: RefusedFor) -> None:
    times = [START + timedelta(hours=3 * n + hour) for n in range(200) for hour in (0, 0.1)]
    problem = refused(times, {"load": wave(400, 24)}, step_minutes=6, max_gap_minutes=6)
    assert problem.category is Category.INSUFFICIENT_DATA
    assert any("Gaps break windows" in way for way in problem.recovery)


@pytest.mark.parametrize(
    "document",
    [
        {"horizon": 0},
        {"horizon": 10**9},
        {"inputSteps": -1},
        {"stepMinutes": 0},
        {"stepMinutes": "NaN"},
        {"maxGapMinutes": float("inf")},
        {"seasonSteps": 10**12},
        {"targetColumns": []},
        {"targetColumns": ["a"] * 21},
        {"timezone": "Europe/Wien"},
        {"timeFeatures": ["decade"]},
        {"method": "guess"},
        {"split": {"train": 0.9, "validation": 0.2, "test": 0.1}},
        {"horzion": 3},
    ],
)
def test_f22_every_number_and_name_is_bounded(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Wishes.model_validate(document)


def test_an_unknown_zone_is_refused_with_one_that_exists() -> None:
    with pytest.raises(ValidationError, match="did you mean 'Europe/Vienna'"):
        Wishes.model_validate({"timezone": "Europe/Viena"})


@pytest.fixture
def two_times(planned: PlanFor) -> Analysis:
    """A file with two columns of times."""
    times = every(60, 900)
    measured = [(time + timedelta(minutes=5 * (n % 3))).isoformat() for n, time in enumerate(times)]
    return planned(times, {"measured": measured, "load": wave(900, 24)}).analysis


def test_a_file_that_is_read_as_asked_is_not_read_again(two_times: Analysis) -> None:
    assert reading_asked(two_times, Wishes()) is None
    assert reading_asked(two_times, Wishes(time_column="time", timezone="UTC", horizon=3)) is None


def test_another_time_column_or_zone_is_read_by_its_index(two_times: Analysis) -> None:
    assert reading_asked(two_times, Wishes(time_column="measured")) == AnalysisOverrides(time_column=1)
    zoned = reading_asked(two_times, Wishes(timezone="Europe/Vienna", time_format="yyyy-mm-dd"))
    assert zoned == AnalysisOverrides(time_column=0, time_format="yyyy-mm-dd", timezone="Europe/Vienna")


def test_a_zone_is_the_calendars_alone_where_the_times_say_their_offset(planned: PlanFor) -> None:
    found = planned(TWO, timezone="Europe/Vienna")
    assert reading_asked(found.analysis, Wishes(timezone="Europe/Vienna")) is None
    assert found.configuration.timezone == "Europe/Vienna"


def test_a_zone_is_what_times_without_an_offset_are_read_in(planned: PlanFor) -> None:
    assumed = planned(LOCAL).analysis
    assert reading_asked(assumed, Wishes(timezone="UTC")) is None
    asked = reading_asked(assumed, Wishes(timezone="Europe/Vienna"))
    assert asked == AnalysisOverrides(timezone="Europe/Vienna")
    told = planned(LOCAL, overrides=asked)
    assert reading_asked(told.analysis, Wishes(timezone="Europe/Vienna")) is None
    assert (told.value("timezone"), told.reason("timezone")) == ("Europe/Vienna", "You asked for it.")


def test_what_was_decided_of_the_file_before_stays(planned: PlanFor) -> None:
    before = AnalysisOverrides(delimiter=",", timezone="Europe/Vienna", day_first=True)
    analysis = planned(LOCAL, overrides=before).analysis
    assert reading_asked(analysis, Wishes(horizon=3)) is None
    assert reading_asked(analysis, Wishes(timezone="UTC")) == before.model_copy(update={"timezone": "UTC"})


@pytest.mark.parametrize(("name", "words"), [("tme", "Did you mean 'time'?"), ("load", "time, measured")])
def test_a_column_that_is_no_time_is_refused(two_times: Analysis, name: str, words: str) -> None:
    with pytest.raises(ProblemError) as error:
        reading_asked(two_times, Wishes(time_column=name))
    assert any(words in way for way in error.value.problem.recovery)


@pytest.mark.parametrize("ahead", [48, 72])
def test_a_file_of_several_issues_is_refused_before_anything_is_queued(refused: RefusedFor, ahead: int) -> None:
    start, hour = datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=1)
    rows = [
        f"{start + 24 * day * hour},{start + (24 * day + step) * hour},{step}"
        for day in range(30)
        for step in range(ahead)
    ]
    problem = refused("\n".join(["issued,valid,load", *rows]) + "\n")
    assert problem.category is Category.DATA_VALIDATION
    assert problem.title == "Several rows are for the same time"


@pytest.mark.parametrize("value", [10**20, "\ud800", []])
def test_f57_parameters_that_cannot_be_written_are_refused_as_they_come(value: object) -> None:
    for _ in range(400 if value == [] else 0):
        value = [value]
    with pytest.raises(ValidationError, match="cannot be written"):
        Wishes.model_validate({"models": [{"kind": "Linear", "ridge": value}]})
