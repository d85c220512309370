"""Progress of the whole chain as an outsider hears it on the bus, and as GET status tells it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import orjson
import psutil
import pytest
from aio_pika.abc import AbstractIncomingMessage

from foretide.client.http import Client
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.servers import delete_data
from shared.bus.topology import PROGRESS
from shared.runtime.progress import GAP_SECONDS
from shared.runtime.telling import STILL_WORKING
from tests.integration.chain import FAST, completed, configuration, kill, write_series
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

Told = dict[str, Any]


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    folder = tmp_path_factory.mktemp("progress")
    async with local_stack(folder, port=free_port(), settings=FAST) as running:
        yield running
    await delete_data(folder)


@pytest.fixture
async def client(stack: RunningStack) -> AsyncIterator[Client]:
    async with Client(stack.url, stack.token) as made:
        yield made


@asynccontextmanager
async def listening(stack: RunningStack) -> AsyncIterator[list[Told]]:
    """All progress that is sent while this is entered."""
    heard: list[Told] = []
    connection = await aio_pika.connect_robust(stack.bus_url)
    try:
        channel = await connection.channel()
        queue = await channel.declare_queue(f"progress-{uuid4().hex}", exclusive=True)
        await queue.bind(PROGRESS, "#")

        async def hear(message: AbstractIncomingMessage) -> None:
            async with message.process():
                heard.append({**orjson.loads(message.body), "heard_at": asyncio.get_running_loop().time()})

        await queue.consume(hear)
        yield heard
    finally:
        await connection.close()


def jobs_of(heard: list[Told], subject: str) -> dict[str, list[Told]]:
    """What was told of each job of a session or an upload, in the order in which it was told.

    What one service says may be heard before what another one said earlier, and lets wait.
    """
    jobs: dict[str, list[Told]] = defaultdict(list)
    for told in sorted(heard, key=lambda one: datetime.fromisoformat(one["time"])):
        if told["subject"] == subject:
            jobs[told["data"].get("job_id", "")].append(told["data"])
    return jobs


def phases_of(told: list[Told]) -> list[str]:
    return list(dict.fromkeys(one["phase"] for one in told))


def check_never_back(told: list[Told]) -> None:
    percents = [one["progress"] for one in told]
    assert percents == sorted(percents)


def check_gaps(heard: list[Told]) -> None:
    """No process tells of one session or upload more often than it may."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for told in heard:
        times[told["source"], told["subject"]].append(told["heard_at"])
    for moments in times.values():
        assert len(moments) <= (moments[-1] - moments[0]) / GAP_SECONDS + 2


def long_configuration(*, epochs: int) -> dict[str, Any]:
    chosen = configuration(epochs=epochs)
    chosen["models"] = [{"kind": "Dense", "layers": 1, "units": 8, "epochs": epochs, "batch_size": 8, "patience": 999}]
    return chosen


async def begin(client: Client, folder: Path, chosen: dict[str, Any]) -> tuple[list[str], str]:
    upload_ids = [await client.upload(file) for file in write_series(folder)]
    session_id = await client.create_session(upload_ids, "progress")
    await client.configure(session_id, chosen)
    await client.generate_and_train(session_id)
    return upload_ids, session_id


async def test_f78_every_phase_is_told_to_its_end_and_nothing_goes_back(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    async with listening(stack) as heard:
        upload_ids, session_id = await begin(client, tmp_path, configuration())
        await completed(client, session_id)
        await until(
            lambda: [told[-1]["progress"] for told in jobs_of(heard, session_id).values()] == [100.0] * 3,
            what="the dataset and both models are told to their ends",
        )
    for upload_id in upload_ids:
        [told] = jobs_of(heard, upload_id).values()
        assert phases_of(told) == ["upload", "analysis"]
        assert {one["file_name"] for one in told} <= {"load.csv", "temperature.csv"}
        assert told[-1]["progress"] == 100.0
        check_never_back(told)
    jobs = jobs_of(heard, session_id)
    [dataset] = [told for told in jobs.values() if "model" not in told[0]]
    assert phases_of(dataset) == ["windowing", "scaling", "storing"]
    models = {told[0]["model"]: told for told in jobs.values() if "model" in told[0]}
    assert set(models) == {"Linear", "Dense"}
    for told in models.values():
        assert phases_of(told) == ["training", "evaluation", "storing"]
        # Of each phase its end was heard, however fast the next one came.
        last = {one["phase"]: one["progress"] for one in told}
        assert last == {"training": 85.0, "evaluation": 94.0, "storing": 100.0}
    for told in jobs.values():
        check_never_back(told)
    check_gaps(heard)


async def test_the_time_left_is_told_to_watchers_and_to_whoever_asks(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    async with listening(stack) as heard:
        _, session_id = await begin(client, tmp_path, long_configuration(epochs=2000))

        async def expected() -> float | None:
            status = await client.status(session_id)
            assert status["phase"] in ("generating", "generated", "training"), status
            seconds: float | None = status["etaSeconds"] if status["phase"] == "training" else None
            return seconds

        seconds = await until(expected, seconds=120, what="GET status has a time left")
        assert seconds > 0
        await client.call("POST", f"/api/training/cancel/{session_id}")
    [told] = [told for told in jobs_of(heard, session_id).values() if "model" in told[0]]
    assert any(one.get("eta_seconds", 0) > 0 for one in told)


async def test_f78_a_model_whose_worker_is_killed_goes_on_without_going_back(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    async with listening(stack) as heard:
        _, session_id = await begin(client, tmp_path, long_configuration(epochs=150))

        def of_model() -> list[Told]:
            found = [told for told in jobs_of(heard, session_id).values() if "model" in told[0]]
            return found[0] if found else []

        await until(lambda: of_model() and of_model()[-1]["progress"] > 20, seconds=120, what="it trains")
        kill(stack, "trainer-worker")
        before = len(of_model())
        await completed(client, session_id, seconds=240)
        await until(lambda: of_model()[-1]["progress"] == 100.0, what="its end is told")
    told = of_model()
    assert len(told) > before
    # What the killed worker had told within its last second may not have been written down.
    lowest = min(one["progress"] for one in told[before:])
    assert lowest >= 20 * 0.5
    for part in (told[:before], told[before:]):
        check_never_back(part)


async def test_f78_while_nothing_moves_it_is_said_that_the_work_goes_on(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    async with listening(stack) as heard:
        _, session_id = await begin(client, tmp_path, long_configuration(epochs=2000))

        def of_model(name: str) -> list[Any]:
            found = [told for told in jobs_of(heard, session_id).values() if "model" in told[0]]
            return [one[name] for told in found for one in told if name in one]

        await until(lambda: of_model("epoch"), seconds=120, what="it trains")
        children = psutil.Process(stack.supervisor.process_ids["trainer-worker"]).children(recursive=True)
        for child in children:
            child.suspend()
        try:
            await until(lambda: STILL_WORKING in of_model("message"), seconds=60, what="it is said")
        finally:
            for child in children:
                child.resume()
        await client.call("POST", f"/api/training/cancel/{session_id}")
    assert of_model("progress") == sorted(of_model("progress"))
