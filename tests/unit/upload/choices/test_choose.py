"""Sensible choices for series of several steps, seasons and shapes; each of them makes a dataset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from shared.analysis.document import AnalysisOverrides

from .conftest import START, PlanFor, Planned


def every(minutes: float, count: int, start: datetime = START) -> list[datetime]:
    return [start + timedelta(minutes=minutes * n) for n in range(count)]


def wave(count: int, *periods: float, noise: float = 0.1, seed: int = 1) -> np.ndarray[Any, Any]:
    steps = np.arange(count)
    waves = sum((10 * np.sin(2 * np.pi * steps / period) for period in periods), np.zeros(count))
    return (50 + waves + np.random.default_rng(seed).normal(0, noise, count)).round(4)


@pytest.mark.parametrize(
    ("minutes", "count", "period", "season", "horizon"),
    [
        (1, 4000, 60, 60, 60),
        (5, 3000, 288, 288, 288),
        (15, 3000, 96, 96, 96),
        (60, 1500, 24, 24, 24),
        (180, 900, 8, 8, 8),
        (1440, 400, 7, 7, 7),
        (7 * 1440, 520, 52, 52, 52),
    ],
)
def test_step_and_season_are_the_series_own(
    planned: PlanFor, minutes: int, count: int, period: int, season: int, horizon: int
) -> None:
    found = planned(every(minutes, count), {"load": wave(count, period)})
    assert found.value("stepMinutes") == minutes
    assert found.value("seasonSteps") == season
    assert found.value("horizon") == horizon
    assert found.value("inputSteps") >= season
    assert found.configuration.season_hours == pytest.approx(season * minutes / 60)
    assert found.configuration.outputs[0].horizon.end_hours == pytest.approx(horizon * minutes / 60)
    assert len(found.dataset().parts.train) >= 20


def test_a_week_is_the_season_and_a_day_the_horizon_where_weeks_repeat_better_than_days(planned: PlanFor) -> None:
    count = 24 * 7 * 12
    found = planned(every(60, count), {"load": wave(count, 24) + 25 * (np.arange(count) // 24 % 7 >= 5)})
    assert (found.value("seasonSteps"), found.value("horizon"), found.value("inputSteps")) == (168, 24, 168)
    assert "week" in found.reason("seasonSteps")
    assert found.value("timeFeatures") == ["week", "day"]


def test_a_season_of_no_calendar_is_found_too(planned: PlanFor) -> None:
    found = planned(every(60, 2000), {"pump": wave(2000, 17)})
    assert found.value("seasonSteps") == 17


@pytest.mark.parametrize("shape", ["noise", "walk", "ramp"])
def test_what_does_not_repeat_has_no_season_and_the_last_value_to_beat(planned: PlanFor, shape: str) -> None:
    noise = np.random.default_rng(3).normal(size=3000)
    values = {"noise": noise, "walk": noise.cumsum(), "ramp": np.arange(3000) / 10 + noise}[shape]
    found = planned(every(60, 3000), {"price": values})
    assert found.value("seasonSteps") == 1
    assert found.value("horizon") == 24
    assert found.configuration.season_hours == 1


def test_a_trend_hides_no_season(planned: PlanFor) -> None:
    count = 24 * 60
    found = planned(every(60, count), {"load": wave(count, 24) + np.arange(count)})
    assert found.value("seasonSteps") == 24


def test_months_are_twelve_to_the_year_and_each_step_takes_its_own_row(planned: PlanFor) -> None:
    times = [datetime(2008 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(144)]
    values = (100 + np.arange(144) + wave(144, 12)).round(4)
    found = planned(times, {"passengers": values})
    assert found.value("stepMinutes") == 30.4375 * 1440
    assert (found.value("seasonSteps"), found.value("horizon")) == (12, 12)
    assert found.value("method") == "nearest"
    assert found.value("split")["validation"] == 0
    assert [model["kind"] for model in found.value("models")] == ["Linear"]
    sampled = {float(value) for value in found.dataset().array("targets").ravel()}
    assert sampled <= {float(value) for value in values}


def test_short_data_gets_a_shorter_horizon_and_says_so(planned: PlanFor) -> None:
    found = planned(every(60, 24 * 3), {"load": wave(72, 24)})
    assert 1 <= found.value("horizon") < 24
    assert "room" in found.reason("horizon")
    assert found.value("timeFeatures") == ["day"]


def test_irregular_times_get_the_nearest_usual_step(planned: PlanFor) -> None:
    random = np.random.default_rng(5)
    gaps = random.uniform(4, 16, 3000)
    times = [START + timedelta(minutes=round(float(minute), 2)) for minute in gaps.cumsum()]
    found = planned(times, {"level": wave(3000, 144)})
    assert found.value("stepMinutes") == 10
    assert found.value("method") == "linear"
    assert "irregular" in found.reason("stepMinutes")
    assert len(found.dataset().parts.train) >= 20


def test_a_jittering_logger_still_measures_every_minute(planned: PlanFor) -> None:
    random = np.random.default_rng(5)
    times = [START + timedelta(minutes=n, milliseconds=float(random.integers(-200, 200))) for n in range(2000)]
    assert planned(times, {"level": wave(2000, 60)}).value("stepMinutes") == 1


def test_the_first_column_that_changes_is_forecast_and_the_others_help(planned: PlanFor) -> None:
    count = 1500
    columns = {
        "row": np.arange(count),
        "plant": np.full(count, 4),
        "load": wave(count, 24),
        "temperature": wave(count, 24, seed=2),
        "sparse": [1.5 * n if n % 9 == 0 else None for n in range(count)],
        "comment": ["fine"] * count,
    }
    found = planned(every(60, count), columns)
    assert found.value("targetColumns") == ["load"]
    assert "temperature" in found.reason("targetColumns")
    assert found.value("inputColumns") == ["temperature"]
    assert found.dataset().features["inputs"][:2] == ["load", "temperature"]


def test_a_column_whose_gaps_would_cost_windows_is_no_input(planned: PlanFor) -> None:
    count = 1500
    holes = [None if n % 100 < 5 else value for n, value in enumerate(wave(count, 24, seed=2))]
    found = planned(every(60, count), {"load": wave(count, 24), "temperature": holes})
    assert found.value("inputColumns") == []
    assert "temperature" in found.reason("inputColumns")


def test_a_column_called_target_is_the_target(planned: PlanFor) -> None:
    found = planned(every(60, 600), {"wind": wave(600, 24), "Target_kW": wave(600, 24, seed=2)})
    assert found.value("targetColumns") == ["Target_kW"]


def test_of_columns_with_and_without_gaps_the_full_one_is_forecast(planned: PlanFor) -> None:
    holes = [None if n % 3 == 0 else value for n, value in enumerate(wave(600, 24))]
    found = planned(every(60, 600), {"a": holes, "b": wave(600, 24, seed=2)})
    assert found.value("targetColumns") == ["b"]
    assert "gaps" in found.reason("targetColumns")


def test_columns_of_the_longest_names_can_be_configured(planned: PlanFor) -> None:
    rows = "".join(f"{time.isoformat()},{n % 24},{n % 12},{n % 6}\n" for n, time in enumerate(every(60, 600)))
    found = planned(f"time,{'l' * 300},{'l' * 300},{'l' * 300}\n{rows}")
    assert len(found.value("inputColumns")) == 2


def test_missing_rows_are_bridged_and_long_gaps_are_not(planned: PlanFor) -> None:
    times = [time for n, time in enumerate(every(60, 3000)) if n % 50 and not 1000 <= n < 1100]
    found = planned(times, {"load": wave(len(times), 24)})
    assert found.value("stepMinutes") == 60
    assert found.value("maxGapMinutes") == 180
    dataset = found.dataset()
    assert {entry["cause"] for entry in dataset.report["dropped"]} == {"before", "after", "gap"}


@pytest.mark.parametrize("minutes", [15, 60])
def test_local_times_through_both_changes_of_the_clock(planned: PlanFor, minutes: int) -> None:
    zone = ZoneInfo("Europe/Vienna")
    moments = every(minutes, 350 * 1440 // minutes, datetime(2023, 1, 5, tzinfo=UTC))
    load = [40 + 20 * np.sin(2 * np.pi * (m.astimezone(zone).hour + m.minute / 60) / 24) for m in moments]
    noise = np.random.default_rng(1).normal(0, 1, len(moments))
    rows = "".join(
        f"{moment.astimezone(zone):%d.%m.%Y %H:%M};{value + error:.3f}\n"
        for moment, value, error in zip(moments, load, noise, strict=True)
    )
    found = planned("time;load\n" + rows, overrides=AnalysisOverrides(timezone="Europe/Vienna"))
    assert found.value("stepMinutes") == minutes
    assert found.value("seasonSteps") == 1440 // minutes
    assert found.configuration.timezone == "Europe/Vienna"
    assert found.configuration.time_features.day is not None
    assert found.configuration.time_features.day.local


def test_days_of_local_time_keep_their_own_values_when_clocks_change(planned: PlanFor) -> None:
    zone = ZoneInfo("Europe/Vienna")
    days = [datetime(2022, 1, 1, tzinfo=zone) + timedelta(days=n) for n in range(600)]
    values = wave(600, 7)
    rows = "".join(f"{day:%Y-%m-%d};{value}\n" for day, value in zip(days, values, strict=True))
    found = planned("day;sales\n" + rows, overrides=AnalysisOverrides(timezone="Europe/Vienna"))
    assert (found.value("stepMinutes"), found.value("seasonSteps"), found.value("method")) == (1440, 7, "nearest")
    assert {float(value) for value in found.dataset().array("targets").ravel()} <= {float(value) for value in values}


@pytest.mark.parametrize("start", [START, START + timedelta(minutes=7), START + timedelta(hours=5, seconds=13)])
@pytest.mark.parametrize("minutes", [15, 60, 1440])
def test_windows_lie_on_the_rows_whenever_the_file_begins(planned: PlanFor, start: datetime, minutes: int) -> None:
    values = wave(600, 24)
    found = planned(every(minutes, 600, start), {"load": values})
    assert {float(value) for value in found.dataset().array("targets").ravel()} <= {float(value) for value in values}


def test_a_large_file_gets_fewer_windows_not_a_dataset_that_fills_the_memory(planned: PlanFor) -> None:
    count = 60_000
    found = planned(every(15, count), {"load": wave(count, 96)})
    steps = found.configuration.time_steps
    assert steps.step_minutes > 15
    windows = count * 15 / steps.step_minutes
    assert windows * (steps.input * 7 + steps.output) < 25_000_000
    assert found.value("windowMinutes") == steps.step_minutes


def test_every_choice_is_reported_with_a_reason(planned: PlanFor) -> None:
    found: Planned = planned(every(60, 900), {"load": wave(900, 24)})
    assert [choice.name for choice in found.plan.choices] == [
        "timeColumn",
        "timezone",
        "targetColumns",
        "inputColumns",
        "stepMinutes",
        "method",
        "maxGapMinutes",
        "seasonSteps",
        "horizon",
        "inputSteps",
        "windowMinutes",
        "timeFeatures",
        "split",
        "models",
    ]
    assert all(choice.reason.endswith(".") for choice in found.plan.choices)
