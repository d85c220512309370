"""Several notifiers share the work; one that is killed in the middle loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from tests.integration.conftest import Owned
from tests.integration.replicas import Replica
from tests.integration.webhooks.conftest import Owner, owner_at_url
from tests.integration.webhooks.receiver import Received, Receiver
from tests.waiting import until

pytestmark = pytest.mark.integration

SETTINGS = {
    "FORETIDE_WEBHOOK_ALLOW_HTTP": "true",
    "FORETIDE_WEBHOOK_ALLOW_PRIVATE": "true",
    "FORETIDE_WEBHOOK_TIMEOUT_SECONDS": "3",
    "FORETIDE_WEBHOOK_DELAYS_SECONDS": "0.2,0.2,0.2,0.2",
    "FORETIDE_LEASE_SECONDS": "1",
    "FORETIDE_REQUESTS_PER_MINUTE": "1000000",
    "FORETIDE_DATABASE_POOL_SIZE": "4",
}


@pytest.fixture(scope="module")
async def replicas(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Replica]]:
    """Two notifiers as processes of their own."""
    folder: Path = tmp_path_factory.mktemp("replicas")
    made = [Replica("notifier", servers, folder / f"{number}.log", SETTINGS) for number in range(2)]
    for replica in made:
        replica.start()
    try:
        await asyncio.gather(*(replica.answers() for replica in made))
        yield made
    finally:
        for replica in made:
            await replica.stop()


@pytest.fixture
async def owner(
    replicas: list[Replica], servers: LocalServers, database: Database, session: Owned
) -> AsyncIterator[Owner]:
    async with owner_at_url(replicas[1].url, servers, database, session) as made:
        yield made


async def test_two_replicas_share_what_is_to_be_sent_and_send_each_once(
    replicas: list[Replica], owner: Owner, receiver: Receiver
) -> None:
    hooks = [await owner.hook(receiver.url) for _ in range(2)]
    events: list[str] = []

    def sent() -> list[str]:
        return [line["event_id"] for replica in replicas for line in replica.said("webhook sent")]

    async def both_have_sent() -> bool:
        events.append(await owner.event())
        return len(events) >= 20 and all(replica.said("webhook sent") for replica in replicas)

    await until(both_have_sent, what="both have sent")
    for hook in hooks:
        assert {item["status"] for item in await owner.ended(hook, min(len(events), 50))} == {"delivered"}
    # More may be under way than the page of the log that was looked at.
    wanted = dict.fromkeys(events, len(hooks))
    await until(lambda: sum(receiver.times.values()) >= sum(wanted.values()), what="all have arrived")
    assert receiver.times == wanted
    await until(lambda: sorted(sent()) == sorted(events * 2), what="each was sent once by one of them")


async def test_f27_what_a_killed_replica_was_sending_is_sent_by_the_other_under_the_same_id(
    replicas: list[Replica], owner: Owner, receiver: Receiver
) -> None:
    """kill -9 of one while receivers are thinking: nothing is lost, and what came twice says so by its id."""
    killed = asyncio.Event()

    async def think(_: Received) -> Response:
        await killed.wait()
        return Response(status_code=204)

    receiver.answer = think
    hooks = [await owner.hook(receiver.url) for _ in range(4)]
    # Else the other one might take them all.
    os.kill(replicas[1].process_id, signal.SIGSTOP)
    events = [await owner.event() for _ in range(10)]
    await until(lambda: len(receiver.received) >= 12, what="requests are under way")
    await replicas[0].kill()
    os.kill(replicas[1].process_id, signal.SIGCONT)
    killed.set()
    logs = [await owner.ended(hook, 10) for hook in hooks]
    for log in logs:
        assert {item["eventId"]: item["status"] for item in log} == dict.fromkeys(events, "delivered")
    numbers = [[attempt["number"] for attempt in item["attempts"]] for log in logs for item in log]
    lost = [logged for logged in numbers if len(logged) < logged[-1]]
    assert lost, "the killed one was sending, and had no time to write that down"
    assert receiver.times.keys() == set(events)
    assert sum(receiver.times.values()) <= sum(logged[-1] for logged in numbers), "each attempt was made once at most"
