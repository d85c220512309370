"""Not enough data: how many windows there are, how many are needed, and the two changes that help most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problems import Category, Problem, ProblemError
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import build_dataset
from shared.series.reach import sample_span
from shared.series.selection import missing_parts, select_windows
from shared.series.series import Series
from shared.series.shortage import windows_needed
from shared.series.splits import Reach, split_windows
from tests.unit.series.examples import HOUR, changed, document, hourly


def shortage(given: dict[int, Series], /, document: dict[str, Any]) -> Problem:
    with pytest.raises(ProblemError) as raised:
        build_dataset(parse_configuration(document), given)
    assert raised.value.problem.category is Category.INSUFFICIENT_DATA
    assert raised.value.problem.status == 422
    return raised.value.problem


def details(problem: Problem) -> dict[str, Any]:
    assert problem.technical_details is not None
    return problem.technical_details


def test_it_says_how_many_there_are_and_how_many_are_needed() -> None:
    load = hourly(30)

    problem = shortage({0: load, 1: hourly(30, seed=1), 2: load}, document())

    found = details(problem)
    assert found["windows"] == 21
    assert f"{found['windows']} windows" in problem.detail
    assert f"{found['needed']} in a row are needed" in problem.detail
    assert found["missing"] == ["validation"]
    hours = found["needed"] - found["windows"]
    assert f"{hours} more hours" in problem.recovery[-1]
    assert found["hours_missing"] == hours


def test_so_many_more_hours_are_enough_and_one_less_is_not() -> None:
    load = hourly(30)
    found = details(shortage({0: load, 1: hourly(30, seed=1), 2: load}, document()))
    enough = 30 + found["needed"] - found["windows"]

    dataset = build_dataset(parse_configuration(document()), {place: hourly(enough) for place in range(3)})

    assert len(dataset.reference_times) == found["needed"]
    shortage({place: hourly(enough - 1) for place in range(3)}, document())


def test_the_two_best_changes_come_with_what_they_give() -> None:
    load, broken = hourly(300), hourly(300, seed=1)
    broken.values[::5] = np.nan
    wide = changed("series.1.horizon.start_hours", -24)

    problem = shortage({0: load, 1: broken, 2: load}, wide)

    found = details(problem)
    assert found["windows"] == 0
    assert [change["change"] for change in found["changes"]] == [
        "Leave out input 'temp'",
        "Set series.1.method ('temp') to mean, which skips what is no number",
    ]
    for change in found["changes"]:
        assert change["missing"] == []
        promise = f"{change['change']}: that gives {change['used']} windows."
        assert promise in problem.recovery


def test_what_a_change_promises_is_what_it_gives() -> None:
    load, short = hourly(300), hourly(10, seed=1)
    problem = shortage({0: load, 1: short, 2: load}, document())
    (best, *_) = details(problem)["changes"]
    assert best["change"] == "Leave out input 'temp'"
    assert problem.recovery[-1].endswith("more hours of 'temp', which ends before the other inputs.")

    without = document()
    del without["series"][1]
    dataset = build_dataset(parse_configuration(without), {0: load, 1: load})

    assert len(dataset.reference_times) == best["windows"]
    assert len(dataset.reference_times) - dataset.parts.embargoed == best["used"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("series.0.max_gap_minutes", 30), "Leave out series.0.max_gap_minutes"),
        (
            ("series.2.horizon", {"start_hours": 1, "end_hours": 39}),
            "Shorten series.2.horizon ('next') to 1 to 20 hours",
        ),
        (("time_steps.step_minutes", 60 * 12), "Set time_steps.step_minutes to 360"),
        (("time_steps.step_minutes", 90), "Set split.embargo to false"),
    ],
)
def test_every_kind_of_change_is_tried(change: tuple[str, Any], words: str) -> None:
    thin = hourly(48)
    if "max_gap" in change[0]:
        keep = np.arange(0, 48, 3)
        thin = Series("load", thin.times[keep], thin.values[keep])

    found = details(shortage({0: thin, 1: hourly(48, seed=1), 2: hourly(48)}, changed(*change)))

    assert any(entry["change"].startswith(words) for entry in found["changes"]), found["changes"]


def made(document: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The document with these settings; those that are None are left out of it."""
    for path, value in settings.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        part: Any = document
        for step in way:
            part = part.setdefault(step, {}) if isinstance(part, dict) else part[step]
        if value is not None:
            part[last] = value
        elif isinstance(part, list):
            del part[last]
        else:
            part.pop(last, None)
    return document


@pytest.mark.parametrize(
    "change",
    [
        ("series.2.horizon", {"start_hours": 1, "end_hours": 39}),
        ("time_steps.step_minutes", 60 * 12),
        ("time_steps.step_minutes", 90),
        ("series.1.horizon.start_hours", -24),
    ],
)
def test_every_change_that_is_named_gives_as_many_windows_as_it_promises(change: tuple[str, Any]) -> None:
    series = {0: hourly(48), 1: hourly(30, seed=1), 2: hourly(48)}
    found = details(shortage(series, changed(*change)))
    assert found["changes"]

    for promise in found["changes"]:
        left = {0: series[0], 1: series[2]} if "series.1" in promise["set"] else series
        configuration = parse_configuration(made(changed(*change), promise["set"]))
        selected = select_windows(configuration, left)
        assert (len(selected.reference_times), selected.used) == (promise["windows"], promise["used"])
        assert selected.missing == promise["missing"]


def test_no_change_is_named_where_none_helps() -> None:
    missing = hourly(10)
    missing.values[:] = np.nan
    problem = shortage({0: missing, 1: missing, 2: missing}, document())
    assert details(problem)["changes"] == []
    assert len(problem.recovery) == 1


def split_of(train: float, validation: float, **more: Any) -> Configuration:
    test = round(1 - train - validation, 10)
    return parse_configuration(document(split={"train": train, "validation": validation, "test": test, **more}))


@given(
    st.sampled_from([(0.7, 0.2), (0.6, 0.2), (0.8, 0.0), (0.98, 0.01), (0.05, 0.05)]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([HOUR, HOUR // 4, 5 * HOUR, 100 * HOUR]),
)
def test_as_many_windows_as_needed_leave_some_in_every_part_and_fewer_do_not(
    shares: tuple[float, float], embargo: bool, shuffle: bool, step: int
) -> None:
    configuration = split_of(*shares, embargo=embargo, shuffle=shuffle)
    first, last = sample_span(configuration)

    def missing(count: int) -> list[str]:
        references = np.arange(count, dtype=np.int64) * step
        return missing_parts(
            split_windows(references, configuration.split, Reach(first, lambda t: t + last)), configuration
        )

    needed = windows_needed(configuration, step)

    assert missing(needed) == []
    assert missing(needed - 1) != []
