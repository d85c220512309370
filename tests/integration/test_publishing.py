"""At least once on the wire: outbox, relay, event log."""

from __future__ import annotations

import asyncio
from uuid import UUID

import aio_pika
import pytest

from foretide.stack.servers import LocalServers
from shared.bus import topology
from shared.bus.port import OutgoingMessage
from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.delivery import outbox
from shared.delivery.relay import Relay
from shared.events.envelope import Envelope, decode
from shared.events.payloads import SessionCreated
from tests.integration.conftest import Owned, make_session, started
from tests.integration.outboxes import record
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_waits")]


async def test_what_is_committed_is_published_and_what_is_rolled_back_is_not(
    database: Database, bus: RabbitBus, relay: Relay, session: Owned
) -> None:
    heard: list[Envelope] = []

    async def hear(envelope: Envelope) -> None:
        heard.append(envelope)

    bus.listen(hear)
    await started(bus, relay)
    created = SessionCreated(session_id=session.session_id, name="x", files=0)

    async def record_and_fail() -> None:
        async with database.transaction() as transaction:
            await outbox.record(
                transaction, created, source="test", session_id=session.session_id, user_id=session.user_id
            )
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await record_and_fail()
    kept = await record(database, session, created)
    await until(lambda: heard, what="the committed event")
    assert [envelope.id for envelope in heard] == [kept]
    assert heard[0].sequence == "1", "the rolled back event has left no hole"


async def test_events_of_a_session_are_numbered_without_holes_and_leave_in_order(
    database: Database, bus: RabbitBus, relay: Relay, session: Owned
) -> None:
    heard: list[int | None] = []

    async def hear(envelope: Envelope) -> None:
        if envelope.subject == session.session_id and envelope.sequence_number not in heard:
            heard.append(envelope.sequence_number)

    bus.listen(hear)
    await started(bus, relay)
    created = SessionCreated(session_id=session.session_id, name="x", files=0)
    await asyncio.gather(*(record(database, session, created) for _ in range(40)))
    await until(lambda: len(heard) >= 40, what="40 events")
    assert heard == list(range(1, 41))


async def test_a_second_relay_takes_over_and_nothing_is_sent_twice_while_one_leads(
    database: Database, servers: LocalServers, bus: RabbitBus, session: Owned
) -> None:
    heard: list[UUID] = []

    async def hear(envelope: Envelope) -> None:
        heard.append(envelope.id)

    bus.listen(hear)
    await started(bus)
    first, second = Relay(database, bus), Relay(database, bus)
    await first.start()
    await second.start()
    created = SessionCreated(session_id=session.session_id, name="x", files=0)
    before = [await record(database, session, created) for _ in range(5)]
    await until(lambda: len(heard) >= 5, what="five events")

    async def marked() -> bool:
        async with database.transaction() as transaction:
            return not await transaction.fetch_value(
                "select count(*) from outbox where message_id = any($1::uuid[]) and sent_at is null", before
            )

    # One that ends between the broker's confirm and its mark leaves the message to the next one, which sends it again.
    await until(marked, what="five events marked as sent")
    await first.stop()
    after = [await record(database, session, created) for _ in range(5)]
    await until(lambda: len(heard) >= 10, what="ten events")
    await second.stop()
    assert heard == before + after


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_relay_ends_also_when_it_is_told_of_work_at_that_moment(
    turns: int, database: Database, bus: RabbitBus, session: Owned
) -> None:
    relay = Relay(database, bus)
    await started(bus)
    await relay.start()
    sent = await record(database, session, SessionCreated(session_id=session.session_id, name="x", files=0))

    async def marked() -> bool:
        async with database.transaction() as transaction:
            return await transaction.fetch_value("select sent_at is not null from outbox where message_id = $1", sent)

    await until(marked, what="the relay has nothing left to do")
    relay._wake_here.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await relay.stop()


async def test_a_relay_ends_also_when_its_cancellation_is_swallowed(
    database: Database, bus: RabbitBus, session: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``asyncio.wait_for`` inside a library does when the result arrives at that moment."""
    publishes, swallowed = asyncio.Event(), asyncio.Event()

    async def swallow(messages: list[OutgoingMessage]) -> list[None]:
        publishes.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        return [None] * len(messages)

    relay = Relay(database, bus)
    await started(bus)
    monkeypatch.setattr(bus, "publish", swallow)
    await relay.start()
    await record(database, session, SessionCreated(session_id=session.session_id, name="x", files=0))
    await until(publishes.is_set, what="the relay publishes")
    async with asyncio.timeout(30):
        await relay.stop()
    assert swallowed.is_set()


async def test_the_event_log_replays_the_past_to_an_outsider(
    database: Database, bus: RabbitBus, relay: Relay, servers: LocalServers
) -> None:
    await started(bus, relay)
    owned = await make_session(database)
    ids = [
        await record(database, owned, SessionCreated(session_id=owned.session_id, name="x", files=0)) for _ in range(3)
    ]
    connection = await aio_pika.connect(servers.bus_url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=100)
        queue = await channel.get_queue(topology.LOG)
        seen: list[UUID] = []
        async with queue.iterator(arguments={"x-stream-offset": "first"}, timeout=60) as messages:
            async for message in messages:
                envelope = decode(message.body)
                await message.ack()
                if envelope.subject == owned.session_id and envelope.id not in seen:
                    seen.append(envelope.id)
                if len(seen) == 3:
                    break
    assert seen == ids
