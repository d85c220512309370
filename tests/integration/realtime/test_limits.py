"""What one client does wrong harms nobody else: large messages, floods, reading slowly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import httpx
import psutil
import pytest
import websockets

from foretide.stack.servers import LocalServers
from services.notifier.connections import LARGEST_BACKLOG
from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.delivery import outbox
from shared.events.payloads import TrainingFailed
from shared.problems import Category, ProblemError
from tests.integration.apps import ServiceProcess, settings_for, token_of
from tests.integration.conftest import Owned, make_session
from tests.integration.realtime.watching import bare_client, happen, progress, tell, watcher
from tests.waiting import until

pytestmark = pytest.mark.integration

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
async def limiting(servers: LocalServers) -> AsyncIterator[ServiceProcess]:
    """A notifier with the budget that users have by default."""
    async with ServiceProcess("notifier", settings_for(servers, requests_per_minute=100)) as process:
        yield process


async def works(url: str, token: str, database: Database, owned: Owned) -> None:
    """The service serves somebody else as ever."""
    async with watcher(url, token) as client:
        await client.join(owned.session_id)
        before = len(client.numbers)
        await happen(database, owned, 1)
        await until(lambda: len(client.numbers) == before + 1, what="an event for somebody else")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_f81_a_message_of_10_megabytes_is_refused(
    transport: str, notifier: ServiceProcess, database: Database, session: Owned, token: str, servers: LocalServers
) -> None:
    other = await make_session(database)
    memory = psutil.Process(notifier.process_id).memory_info().rss
    async with watcher(notifier.url, token_of(servers, other.user_id), transports=[transport]) as client:
        await client.client.emit("join_session", {"session_id": "x" * 10 * MEBIBYTE})
        await until(lambda: not client.client.connected, what="the connection's end")
    await works(notifier.url, token, database, session)
    assert psutil.Process(notifier.process_id).memory_info().rss - memory < 40 * MEBIBYTE


async def test_a_thousand_joins_a_second_are_limited_and_others_are_served(
    limiting: ServiceProcess, servers: LocalServers, database: Database, session: Owned, token: str
) -> None:
    flooded = await make_session(database)
    async with watcher(limiting.url, token_of(servers, flooded.user_id)) as client:
        flood = asyncio.gather(
            *(client.ask("join_session", session_id=flooded.session_id, after=0) for _ in range(3000))
        )
        await works(limiting.url, token, database, session)
        answers = await flood
    refused = [answer["problem"] for answer in answers if not answer["ok"]]
    assert {problem["category"] for problem in refused} == {"RATE_LIMITED"}
    assert all(problem["recovery"] for problem in refused)
    assert 1 <= len(answers) - len(refused) <= 130


async def test_a_thousand_connections_of_which_each_joins_are_limited_by_their_users_budget(
    limiting: ServiceProcess, servers: LocalServers, database: Database, session: Owned, token: str
) -> None:
    flooded = await make_session(database)
    foreign = token_of(servers, flooded.user_id)

    async def connect_and_join() -> str:
        async with bare_client(limiting.url, foreign) as socket:
            await socket.send(f'420["join_session",{json.dumps({"session_id": flooded.session_id})}]')
            while not (frame := str(await socket.recv())).startswith("430"):
                pass
            return frame

    frames: list[str] = []
    for _ in range(10):
        frames += await asyncio.gather(*(connect_and_join() for _ in range(100)))
    refused = [frame for frame in frames if "RATE_LIMITED" in frame]
    assert 1 <= len(frames) - len(refused) <= 150
    await works(limiting.url, token, database, session)


async def rest(socket: websockets.ClientConnection) -> list[str]:
    """Everything that still comes until the server ends the connection."""
    frames: list[str] = []
    async with asyncio.timeout(30):
        with suppress(websockets.ConnectionClosedError):
            async for frame in socket:
                frames.append(str(frame))
    return frames


async def test_a_client_that_does_not_read_is_shed_and_others_are_not_held_up(
    notifier: ServiceProcess, bus: RabbitBus, database: Database, session: Owned, token: str
) -> None:
    async with bare_client(notifier.url, token) as socket, watcher(notifier.url, token) as reader:
        await socket.send(f'420["join_session",{json.dumps({"session_id": session.session_id, "after": 0})}]')
        while not str(await socket.recv()).startswith("430"):
            pass
        socket.transport.pause_reading()
        await reader.join(session.session_id)
        # More than the network's own buffers, what the library's writer has in hand and what may wait together.
        count = 3 * LARGEST_BACKLOG + 250
        large = ProblemError(Category.INTERNAL, title="x" * 15_000, detail="d").problem
        async with database.transaction() as transaction:
            for _ in range(count):
                event = TrainingFailed(session_id=session.session_id, problem=large)
                owner = {"session_id": session.session_id, "user_id": session.user_id}
                await outbox.record(transaction, event, source="test", **owner)
        await until(lambda: len(reader.numbers) == count, seconds=60, what="all events at the reading client")
        assert reader.numbers == list(range(1, count + 1))

        async def shed() -> bool:
            metrics = (await client.get(f"{notifier.url}/metrics")).text
            return "foretide_notifier_shed_clients_total 1.0" in metrics

        async with httpx.AsyncClient(trust_env=False) as client:
            await until(shed, what="the client that does not read is shed")
        socket.transport.resume_reading()
        numbers = [json.loads(frame[2:])[1]["sequence"] for frame in await rest(socket) if frame.startswith("42")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) < count
    async with watcher(notifier.url, token) as back:
        await back.join(session.session_id, after=len(numbers))
        assert numbers + back.numbers == list(range(1, count + 1))


async def test_f78_progress_comes_at_four_a_second_and_its_last_before_the_end_of_its_job(
    notifier: ServiceProcess, bus: RabbitBus, database: Database, session: Owned, token: str
) -> None:
    job = str(uuid4())
    async with watcher(notifier.url, token) as client:
        await client.join(session.session_id)
        clock = asyncio.get_running_loop().time
        times: list[float] = []
        client.client.on("training_progress", lambda data: (times.append(clock()), client.heard.append(("p", data))))
        await tell(bus, *(progress(session, percent, job=job) for percent in range(98)))
        await tell(bus, progress(session, 60, job=job), progress(session, 97, job=job, phase="evaluation"))
        await until(lambda: client.of("p") and client.of("p")[-1]["phase"] == "evaluation", what="the last progress")
    percents = [data["progress"] for data in client.of("p")]
    assert percents == sorted(percents)
    assert percents[-2:] == [97, 97]
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[4:], strict=False))
