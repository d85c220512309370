"""Progress at a pace: at most four messages in any second, the last of each phase always, never backwards."""

from __future__ import annotations

from typing import Any

from services.notifier.messages import SocketMessage
from services.notifier.pace import PER_SECOND, Pace
from shared.events.envelope import Envelope, event_type


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def word(percent: float, *, job: str | None = "a", phase: str = "training", **data: Any) -> Envelope:
    content = {"session_id": "s", "phase": phase, "progress": percent, "job_id": job, **data}
    return Envelope(source="/test", type=event_type("progress"), subject="s", data=content)


def told(pace: Pace, clock: Clock, *, seconds: float) -> list[tuple[float, SocketMessage]]:
    """Everything that is told from now on, each with its second."""
    heard, end = [], clock.now + seconds
    while pace.waits() and clock.now + pace.pause() <= end:
        clock.now += pace.pause()
        heard += [(clock.now, message) for message in pace.take()]
    clock.now = end
    return heard


def percents(messages: list[tuple[float, SocketMessage]]) -> list[float]:
    return [message.data["progress"] for _, message in messages if message.event == "training_progress"]


def test_f78_percent_never_goes_back() -> None:
    clock, heard = Clock(), []
    pace = Pace(clock)
    for percent in (10, 100, 50, 60, 100):
        pace.offer(word(percent))
        heard += told(pace, clock, seconds=1)
    assert percents(heard) == [10, 100, 100, 100, 100]


def test_f78_each_job_has_its_own_percent() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.offer(word(80, job="a"))
    pace.offer(word(5, job="b"))
    assert percents(told(pace, clock, seconds=1)) == [80, 5]


def test_no_second_has_more_than_four_messages_whatever_comes() -> None:
    clock, heard = Clock(), []
    pace = Pace(clock)
    for step in range(200):
        pace.offer(word(step / 2, job=f"job {step % 7}"))
        heard += told(pace, clock, seconds=0.037)
    heard += told(pace, clock, seconds=60)
    times = [second for second, message in heard if message.event == "training_progress"]
    assert len(times) > 20
    for first, fifth in zip(times, times[PER_SECOND:], strict=False):
        assert fifth - first >= 1.0 - 1e-9


def test_the_last_of_a_phase_is_told_also_when_the_next_phase_follows_at_once() -> None:
    clock = Clock()
    pace = Pace(clock)
    for percent in range(86):
        pace.offer(word(percent))
    for percent in range(86, 96):
        pace.offer(word(percent, phase="evaluation"))
    assert percents(told(pace, clock, seconds=10)) == [85, 95]


def test_a_newer_message_replaces_one_that_waits_and_keeps_its_turn() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.offer(word(1, job="a"))
    pace.offer(word(2, job="b"))
    pace.offer(word(3, job="a"))
    assert percents(told(pace, clock, seconds=10)) == [3, 2]


def test_a_phase_that_begins_is_told_before_its_first_progress() -> None:
    clock, heard = Clock(), []
    pace = Pace(clock)
    for percent, phase in ((10, "training"), (50, "training"), (90, "evaluation")):
        pace.offer(word(percent, phase=phase, model="Dense"))
        heard += told(pace, clock, seconds=1)
    events = [(message.event, message.data["phase"]) for _, message in heard]
    assert events == [
        ("phase_update", "training"),
        ("training_progress", "training"),
        ("training_progress", "training"),
        ("phase_update", "evaluation"),
        ("training_progress", "evaluation"),
    ]
    update = heard[0][1].data
    assert (update["job_id"], update["model"], update["sequence"]) == ("a", "Dense", None)
    assert update["phases"][update["index"]] == "training"


def test_what_is_left_to_tell_of_one_job_can_be_told_first() -> None:
    pace = Pace(Clock())
    pace.offer(word(1, job="a"))
    pace.offer(word(2, job="b"))
    assert pace.waits("b")
    assert [message.data["job_id"] for message in pace.take("b")] == ["b", "b"]
    assert not pace.waits("b")
    assert pace.waits("a")


def test_f78_a_phase_that_comes_again_is_told_after_what_was_told_since() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.offer(word(50))
    pace.offer(word(90, phase="evaluation"))
    pace.offer(word(95))
    assert percents(told(pace, clock, seconds=10)) == [90, 95]
