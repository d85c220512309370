"""What the bus must survive: the broker away, cut connections, deleted queues, a stop with work in hand."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest

from foretide.stack.servers import LocalServers
from shared.bus import topology
from shared.bus.port import BusUnavailable, OutgoingMessage
from shared.bus.rabbit import RabbitBus
from shared.bus.topology import Subscription
from shared.events.envelope import Envelope, event_type
from shared.problems import ProblemError
from shared.runtime.child import Children
from tests.integration.conftest import started
from tests.waiting import until

pytestmark = pytest.mark.integration

GENERATE = Subscription("dataset", "dataset.generate", "command")


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalServers]:
    """A broker of its own: these tests kill it."""
    folder: Path = tmp_path_factory.mktemp("broker")
    async with LocalServers(folder, database_url="postgresql://not.used", store_url="file:///not-used") as running:
        yield running


@pytest.fixture
async def bus(broker: LocalServers) -> AsyncIterator[RabbitBus]:
    made = RabbitBus(broker.bus_url, name="faults", retry_delays=[1])
    yield made
    await made.stop(grace_seconds=1)


def command(identifier: UUID | None = None) -> OutgoingMessage:
    envelope = Envelope(
        id=identifier or uuid4(), source="/test", type=event_type("dataset.generate"), subject="s", data={}
    )
    return OutgoingMessage(topology.COMMANDS, "dataset.generate", str(envelope.id), envelope.to_bytes())


async def cut_connections(broker: LocalServers) -> int:
    """Close every client's connection from the broker's side."""
    assert broker.management_url is not None
    url = httpx.URL(broker.management_url)
    async with httpx.AsyncClient(
        base_url=f"http://{url.host}:{url.port}", auth=(url.username, url.password), timeout=30, trust_env=False
    ) as management:

        async def names() -> list[str]:
            return [entry["name"] for entry in (await management.get("/api/connections")).json()]

        found: list[str] = await until(names, what="connections in the management's view")
        for name in found:
            await management.delete(f"/api/connections/{name}", headers={"X-Reason": "test"})
        return len(found)


async def publish_for_sure(bus: RabbitBus, message: OutgoingMessage) -> None:
    """What the relay does: again, until the broker confirms."""

    async def confirmed() -> bool:
        return await bus.publish([message]) == [None]

    await until(confirmed, seconds=60, what="a confirm")


async def test_a_consumer_comes_back_after_its_queue_was_deleted(bus: RabbitBus, broker: LocalServers) -> None:
    handled: set[UUID] = set()

    async def handler(envelope: Envelope) -> None:
        handled.add(envelope.id)

    bus.subscribe(GENERATE, handler)
    await started(bus)
    connection = await aio_pika.connect(broker.bus_url)
    async with connection:
        channel = await connection.channel()
        noticed = asyncio.create_task(until(lambda: not bus.ready(), what="the loss noticed"))
        await channel.queue_delete(GENERATE.queue)
        await noticed
    await until(bus.ready, what="the queue declared again")
    identifier = uuid4()
    await publish_for_sure(bus, command(identifier))
    await until(lambda: identifier in handled, what="the message on the new queue")


async def test_a_connection_cut_while_publishing_loses_nothing_that_was_confirmed(
    bus: RabbitBus, broker: LocalServers
) -> None:
    handled: set[UUID] = set()

    async def handler(envelope: Envelope) -> None:
        handled.add(envelope.id)

    bus.subscribe(GENERATE, handler, prefetch=50)
    await started(bus)
    identifiers = [uuid4() for _ in range(300)]
    cutting = asyncio.create_task(cut_connections(broker))
    for identifier in identifiers:
        await publish_for_sure(bus, command(identifier))
    assert await cutting > 0
    await until(lambda: set(identifiers) <= handled, what="all of them")


async def test_stopping_ends_the_running_handler_and_leaves_the_others_to_their_queue(broker: LocalServers) -> None:
    bus = RabbitBus(broker.bus_url, name="stopping", retry_delays=[1])
    begun, finished = [], []
    may_end = asyncio.Event()
    identifiers, late = [uuid4() for _ in range(4)], uuid4()

    async def handler(envelope: Envelope) -> None:
        if envelope.id not in (*identifiers, late):
            return  # of an earlier test, delivered again
        begun.append(envelope.id)
        await may_end.wait()
        finished.append(envelope.id)

    bus.subscribe(GENERATE, handler, prefetch=4)
    await started(bus)
    await bus.publish([command(identifier) for identifier in identifiers])
    await until(lambda: len(begun) == 4, what="four deliveries in hand")
    stopping = asyncio.create_task(bus.stop(grace_seconds=10))
    other = RabbitBus(broker.bus_url, name="other", retry_delays=[1])
    await other.publish([command(late)])
    may_end.set()
    await stopping
    assert sorted(finished) == sorted(identifiers), "what ran was finished and acknowledged"
    elsewhere: list[UUID] = []

    async def second(envelope: Envelope) -> None:
        elsewhere.append(envelope.id)

    other.subscribe(GENERATE, second)
    await started(other)
    await until(lambda: late in elsewhere, what="the message that came too late")
    ours = [found for found in elsewhere if found in (*identifiers, late)]
    assert ours == [late], "nothing that was acknowledged comes again"
    await other.stop()


async def test_a_handler_that_outlasts_the_grace_is_redelivered(broker: LocalServers) -> None:
    bus = RabbitBus(broker.bus_url, name="slow", retry_delays=[1])
    begun = asyncio.Event()

    async def handler(_: Envelope) -> None:
        begun.set()
        await asyncio.Event().wait()

    bus.subscribe(GENERATE, handler)
    await started(bus)
    identifier = uuid4()
    await bus.publish([command(identifier)])
    await begun.wait()
    await bus.stop(grace_seconds=0.1)
    again: list[UUID] = []

    async def second(envelope: Envelope) -> None:
        again.append(envelope.id)

    other = RabbitBus(broker.bus_url, name="other", retry_delays=[1])
    other.subscribe(GENERATE, second)
    await started(other)
    await until(lambda: identifier in again, what="the redelivery")
    await other.stop()


async def test_an_unroutable_message_and_a_missing_exchange_are_told_and_stop_nobody(
    bus: RabbitBus, broker: LocalServers
) -> None:
    handled: set[UUID] = set()

    async def handler(envelope: Envelope) -> None:
        handled.add(envelope.id)

    bus.subscribe(GENERATE, handler)
    await started(bus)
    nowhere = OutgoingMessage(topology.COMMANDS, "no.such.command", str(uuid4()), b"{}")
    assert [type(error).__name__ for error in await bus.publish([nowhere])] == ["PublishError"]
    missing = OutgoingMessage("no.such.exchange", "x", str(uuid4()), b"{}")
    assert isinstance((await bus.publish([missing]))[0], Exception)
    identifier = uuid4()
    await publish_for_sure(bus, command(identifier))
    await until(lambda: identifier in handled, what="an ordinary message afterwards")
    assert bus.ready(), "the consumers never noticed"


async def test_heartbeats_hold_while_a_child_process_computes(
    broker: LocalServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.rabbit.HEARTBEAT_SECONDS", 3)
    bus = RabbitBus(broker.bus_url, name="busy", retry_delays=[1])
    deliveries: list[UUID] = []
    done = asyncio.Event()
    children = Children("tests.integration.busy_child", what="Computing")

    async def handler(envelope: Envelope) -> None:
        deliveries.append(envelope.id)
        await children.run({"seconds": 12})
        done.set()

    bus.subscribe(GENERATE, handler, prefetch=1)
    await started(bus)
    identifier = uuid4()
    await bus.publish([command(identifier)])
    await asyncio.wait_for(done.wait(), 60)
    assert deliveries == [identifier], "the broker kept the connection: nothing was delivered twice"
    await bus.stop()
    await children.stop()


async def test_consumers_come_back_after_the_node_was_killed_and_nothing_confirmed_is_lost(
    bus: RabbitBus, broker: LocalServers
) -> None:
    handled: set[UUID] = set()

    async def handler(envelope: Envelope) -> None:
        handled.add(envelope.id)

    bus.subscribe(GENERATE, handler)
    await started(bus)
    first = [uuid4() for _ in range(20)]
    assert await bus.publish([command(identifier) for identifier in first]) == [None] * 20
    killed = set(broker.process_ids["RabbitMQ"])
    for process in killed:
        # The broker's parts end with each other.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert all(isinstance(error, BusUnavailable) for error in await bus.publish([command(), command()]))
    await until(lambda: not bus.ready(), what="the loss noticed")

    async def restarted() -> bool:
        # As the stack does it: a start that meets the remains of the killed one is tried again.
        try:
            await broker.restart_dead()
        except ProblemError:
            return False
        running = broker.process_ids["RabbitMQ"]
        return bool(running) and killed.isdisjoint(running)

    await until(restarted, seconds=60, what="the broker's restart")
    last = uuid4()
    await publish_for_sure(bus, command(last))
    await until(lambda: {*first, last} <= handled, seconds=60, what="everything that was confirmed")
