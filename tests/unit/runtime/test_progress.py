"""Progress goes out at most a few times a second and session, and what ends a phase always."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events.envelope import Envelope
from shared.events.payloads import Progress, UploadProgress
from shared.runtime.progress import GAP_SECONDS, ProgressSender, Waiting
from tests.waiting import until

USER = uuid4()
NEVER = 3600.0
SHORT = 0.01


class HearingBus:
    """Keeps what is sent, with the time; ``block`` holds the sending up, ``broken`` lets it fail."""

    def __init__(self) -> None:
        self.heard: list[Envelope] = []
        self.times: list[float] = []
        self.block = asyncio.Event()
        self.block.set()
        self.broken = False

    async def publish_progress(self, envelope: Envelope) -> None:
        await self.block.wait()
        if self.broken:
            raise RuntimeError("the broker said no")
        self.heard.append(envelope)
        self.times.append(asyncio.get_running_loop().time())

    def told(self, name: str = "progress") -> list[Any]:
        return [envelope.data[name] for envelope in self.heard]


@pytest.fixture
async def bus() -> HearingBus:
    return HearingBus()


def sender_on(bus: Any, gap_seconds: float) -> ProgressSender:
    return ProgressSender(bus, source="test", gap_seconds=gap_seconds)


def progress(percent: float, *, phase: Any = "training", job: UUID | None = None, session: str = "s") -> Progress:
    return Progress(session_id=session, phase=phase, progress=percent, job_id=job)


async def test_the_first_goes_at_once_and_of_those_that_wait_the_newest(bus: HearingBus) -> None:
    sender = sender_on(bus, SHORT)
    bus.block.clear()
    for percent in range(50):
        sender.send(USER, progress(percent))
        await asyncio.sleep(0)
    bus.block.set()
    await until(lambda: len(bus.heard) == 2, seconds=5, what="both are sent")
    assert bus.told() == [0, 49]


async def test_of_one_session_there_are_at_most_four_a_second_whatever_jobs_it_has(bus: HearingBus) -> None:
    assert 1 / GAP_SECONDS <= 4
    gap = 0.03
    sender = sender_on(bus, gap)
    for job in (uuid4(), uuid4(), uuid4()):
        sender.send(USER, progress(1, job=job))
    await until(lambda: len(bus.heard) == 3, seconds=5, what="all are sent")
    sender.send(USER, progress(2))
    await until(lambda: len(bus.heard) == 4, seconds=5, what="the one that came later is sent")
    gaps = [after - before for before, after in zip(bus.times, bus.times[1:], strict=False)]
    assert min(gaps) >= gap * 0.9


async def test_sessions_do_not_wait_for_each_other(bus: HearingBus) -> None:
    sender = sender_on(bus, NEVER)
    sender.send(USER, progress(1, session="one"))
    sender.send(USER, progress(1, session="two"))
    await until(lambda: len(bus.heard) == 2, seconds=5, what="both are sent")
    assert {envelope.subject for envelope in bus.heard} == {"one", "two"}
    await sender.stop()


async def test_f78_the_last_of_a_phase_is_sent_though_the_next_phase_has_begun(bus: HearingBus) -> None:
    sender, job = sender_on(bus, SHORT), uuid4()
    for percent, phase in ((10, "training"), (85, "training"), (85, "evaluation"), (95, "evaluation"), (95, "storing")):
        sender.send(USER, progress(percent, phase=phase, job=job))
    await until(lambda: len(bus.heard) == 3, seconds=5, what="one of each phase")
    assert list(zip(bus.told("phase"), bus.told(), strict=True)) == [
        ("training", 85),
        ("evaluation", 95),
        ("storing", 95),
    ]


async def test_f78_what_waits_is_sent_when_the_process_stops(bus: HearingBus) -> None:
    sender, jobs = sender_on(bus, NEVER), [uuid4(), uuid4()]
    sender.send(USER, progress(1))
    await until(lambda: len(bus.heard) == 1, seconds=5, what="the first is sent")
    for job in jobs:
        sender.send(USER, progress(85, job=job))
        sender.send(USER, progress(95, phase="evaluation", job=job))
    await sender.stop()
    assert sorted(bus.told()[1:]) == [85, 85, 95, 95]


def test_jobs_take_turns() -> None:
    waiting = Waiting()

    def put(job: str, phase: str = "training") -> None:
        waiting.put(job, phase, Envelope(source="/t", type="t", subject="s", data={"job": job, "phase": phase}))

    put("busy")
    put("busy", "evaluation")
    put("quiet")
    taken = [waiting.take().data]
    put("busy", "storing")
    while waiting:
        taken.append(waiting.take().data)
    assert [(one["job"], one["phase"]) for one in taken] == [
        ("busy", "training"),
        ("quiet", "training"),
        ("busy", "evaluation"),
        ("busy", "storing"),
    ]


async def test_what_is_told_of_a_job_keeps_its_order_where_a_phase_comes_again(bus: HearingBus) -> None:
    sender = sender_on(bus, SHORT)
    for percent, phase in ((20, "training"), (30, "evaluation"), (40, "training")):
        sender.send(USER, progress(percent, phase=phase))
    await until(lambda: len(bus.heard) == 2, seconds=5, what="both are sent")
    assert bus.told() == [30, 40]


async def test_an_upload_is_told_to_its_owner_under_its_own_id(bus: HearingBus) -> None:
    sender, other = sender_on(bus, NEVER), uuid4()
    for user in (USER, other):
        told = UploadProgress(upload_id="mine", file_name="a.csv", phase="analysis", progress=40)
        sender.send(user, told)
    await until(lambda: len(bus.heard) == 2, seconds=5, what="two uploads of the same id are two")
    assert [envelope.userid for envelope in bus.heard] == [str(USER), str(other)]
    assert {(envelope.name, envelope.subject) for envelope in bus.heard} == {("upload.progress", "mine")}
    await sender.stop()


async def test_a_broker_that_says_no_ends_nothing(bus: HearingBus) -> None:
    sender = sender_on(bus, SHORT)
    bus.broken = True
    sender.send(USER, progress(1))
    await until(lambda: not sender._tasks, seconds=5, what="nothing waits")
    bus.broken = False
    sender.send(USER, progress(2))
    await until(lambda: bus.told() == [2], seconds=5, what="the next one is sent")
