"""The grid of reference times, and the bounds on what is made from it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from shared.problems import Category, ProblemError
from shared.series.configuration import TimeSteps, parse_configuration
from shared.series.dataset import build_dataset
from shared.series.maker import WindowMaker
from shared.series.references import References, reference_times
from shared.series.series import Series
from tests.unit.series.examples import HOUR, MINUTE, START, document, hourly


def steps(minutes: float, offset: float = 0) -> TimeSteps:
    return TimeSteps(input=2, output=2, step_minutes=minutes, offset_minutes=offset)


def test_f73_no_reference_time_is_before_the_first_value() -> None:
    late = hourly(10, start=START + 20 * MINUTE)

    found = reference_times([late], steps(60))

    assert found.times()[0] == START + 60 * MINUTE
    assert found.times()[-1] <= late.last


def test_the_offset_counts_from_the_hour_before_the_start() -> None:
    found = reference_times([hourly(3)], steps(20, offset=7))

    assert ((found.times() - START) // MINUTE).tolist() == [7, 27, 47, 67, 87, 107]


def test_they_reach_from_the_earliest_start_to_the_earliest_end() -> None:
    early, long = hourly(5), hourly(50, start=START + 2 * HOUR)

    found = reference_times([early, long], steps(60))

    assert ((found.times() - START) // HOUR).tolist() == [0, 1, 2, 3, 4]


def test_series_too_short_for_one_have_none() -> None:
    assert reference_times([hourly(1, start=START + MINUTE)], steps(60)) == References(START + HOUR, HOUR, 0)


@pytest.mark.parametrize(
    ("time_steps", "words"),
    [
        ({"input": 7, "output": 3, "step_minutes": 1 / 60_000}, "too many windows"),
        ({"input": 4096, "output": 4096, "step_minutes": 1}, "too large"),
        ({"input": 4096, "output": 3, "step_minutes": 1}, "too large"),
    ],
)
def test_f22_a_dataset_too_large_is_refused_before_it_takes_memory(time_steps: dict[str, Any], words: str) -> None:
    hours = 24 * 365
    series = {0: hourly(hours), 1: hourly(hours, seed=1), 2: hourly(hours)}
    configuration = parse_configuration(document(time_steps=time_steps))
    tracemalloc.start()
    try:
        with pytest.raises(ProblemError) as raised:
            build_dataset(configuration, series)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert raised.value.problem.category is Category.RESOURCE_EXHAUSTION
    assert words in raised.value.problem.title
    assert peak < 10_000_000
    details = raised.value.problem.technical_details
    assert details is not None
    for number, change in enumerate(details["changes"]):
        changed = {name.rpartition(".")[2]: value for name, value in change["set"].items()}
        # Every change that is named, made as it is named, is enough.
        WindowMaker(parse_configuration(document(time_steps={**time_steps, **changed})), series, 1 << 20)
        assert raised.value.problem.recovery[number].startswith(("Raise time_steps.step_minutes", "Lower time_steps."))


def test_a_forecasts_times_need_not_rise() -> None:
    issues = np.array([0, 0, 1, 1], dtype=np.int64)
    times = np.array([5, 6, 4, 7], dtype=np.int64)
    forecast = Series("forecast", times, np.zeros(4), issues)
    assert (forecast.first, forecast.last) == (4, 7)
