"""The time that a job will still take, from how far it was when."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from shared.runtime.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def walk(pace: Pace, clock: Clock, steps: Iterable[tuple[float, float]]) -> None:
    """Each step is seconds and the percent that it brings."""
    percent = pace._percent
    for seconds, share in steps:
        clock.now += seconds
        percent += share
        pace.see(percent)


def test_nothing_is_said_before_two_steps(clock: Clock) -> None:
    pace = Pace(clock=clock)
    assert pace.seconds_left is None
    walk(pace, clock, [(1.0, 10.0)])
    assert pace.seconds_left is None
    walk(pace, clock, [(1.0, 10.0)])
    assert pace.seconds_left == pytest.approx(8.0)


def test_what_is_heard_at_once_is_no_speed(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(0.0, 5.0), (0.01, 5.0), (0.01, 5.0)])
    assert pace.seconds_left is None


def test_messages_that_come_in_heaps_are_one_step(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(2.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0)] * 5)
    assert pace.seconds_left == pytest.approx(80 / 4 * 2, rel=0.1)


def test_an_attempt_that_goes_on_at_60_percent_has_not_done_them_in_no_time(clock: Clock) -> None:
    pace = Pace(60.0, clock=clock)
    walk(pace, clock, [(2.0, 1.0), (2.0, 1.0)])
    assert pace.seconds_left == pytest.approx(38 * 2)


def test_a_stall_neither_ends_the_estimate_at_once_nor_spoils_it_afterwards(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(1.0, 1.0)] * 10)
    clock.now += 30.0
    assert pace.seconds_left == pytest.approx(89.0)
    clock.now += 3600.0
    assert pace.seconds_left is None, "longer than all of it was to take"
    walk(pace, clock, [(0.0, 1.0), (1.0, 1.0)])
    assert pace.seconds_left == pytest.approx(88.0)


def test_f78_a_jump_at_the_end_of_a_phase_does_not_make_the_rest_look_short(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(1.0, 1.0)] * 10 + [(1.0, 60.0)])
    assert pace.seconds_left == pytest.approx(30.0)


def test_it_follows_a_speed_that_changes(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(1.0, 1.0)] * 40 + [(4.0, 1.0)] * 20)
    assert pace.seconds_left == pytest.approx(160.0)


def test_between_two_steps_it_runs_down_and_never_below_nothing(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(10.0, 10.0)] * 3)
    clock.now += 4.0
    assert pace.seconds_left == pytest.approx(66.0)
    clock.now += 60.0
    assert pace.seconds_left == pytest.approx(60.0)


def test_percent_that_goes_back_is_nothing_new_and_the_whole_leaves_nothing(clock: Clock) -> None:
    pace = Pace(clock=clock)
    walk(pace, clock, [(1.0, 10.0), (1.0, 10.0)])
    clock.now += 0.5
    pace.see(3.0)
    assert pace.seconds_left == pytest.approx(7.5)
    pace.see(100.0)
    assert pace.seconds_left == 0.0
