"""How far one job is: never backwards, with the time left, and also while nothing moves."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from shared.events.payloads import Progress
from shared.runtime.telling import SILENCE_SECONDS, STILL_WORKING, Telling
from tests.unit.runtime.hearing import HearingSender
from tests.unit.runtime.test_pace import Clock
from tests.waiting import until


def telling_to(sender: Any, clock: Clock, **more: Any) -> Telling:
    make = partial(Progress, session_id="s", job_id=uuid4(), model="SVR", target="load")
    return Telling(sender, uuid4(), make, clock=clock, **more)


def test_f78_what_was_told_is_not_taken_back() -> None:
    sender = HearingSender()
    telling = telling_to(sender, Clock())
    for phase, percent in (("training", 50.0), ("training", 40.0), ("evaluation", 60.0)):
        telling.tell(phase, percent)
    assert [one.progress for one in sender.told] == [50.0, 50.0, 60.0]


def test_f78_an_attempt_begins_where_the_last_one_was() -> None:
    sender = HearingSender()
    telling = telling_to(sender, Clock(), percent=60.0)
    telling.tell("training", 0.0)
    telling.tell("training", 61.0)
    assert [one.progress for one in sender.told] == [60.0, 61.0]


def test_f78_a_model_without_epochs_is_said_to_be_worked_on() -> None:
    sender, clock, noted = HearingSender(), Clock(), list[Progress]()
    telling = telling_to(sender, clock, note=noted.append)
    telling.beat()
    assert sender.told == [], "there is no phase yet"
    telling.tell("training", 3.0, epoch=1, epochs=7)
    clock.now += SILENCE_SECONDS / 2
    telling.beat()
    assert len(sender.told) == 1
    clock.now += SILENCE_SECONDS / 2
    telling.beat()
    telling.beat()
    [_, beat] = sender.told
    assert (beat.phase, beat.progress, beat.epoch, beat.message) == ("training", 3.0, 1, STILL_WORKING)
    assert noted == sender.told, "GET status knows it, too"


def test_the_time_left_is_told_as_soon_as_there_is_a_speed() -> None:
    sender, clock = HearingSender(), Clock()
    telling = telling_to(sender, clock, percent=60.0)
    for percent in (62.0, 64.0):
        clock.now += 1.0
        telling.tell("training", percent)
    assert [one.eta_seconds for one in sender.told] == [None, 18.0]


async def test_inside_it_says_so_by_itself() -> None:
    sender, clock = HearingSender(), Clock()
    async with telling_to(sender, clock) as telling:
        telling.tell("training", 1.0)
        clock.now += SILENCE_SECONDS
        await until(lambda: len(sender.told) == 2, seconds=10, what="it was said")
