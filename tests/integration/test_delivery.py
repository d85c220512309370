"""At least once on the wire, exactly once in effect: outbox, relay, bus, inbox, retries, dead letters."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from foretide.stack.servers import LocalServers
from shared.bus import topology
from shared.bus.port import OutgoingMessage, Reject
from shared.bus.rabbit import RabbitBus
from shared.bus.rabbit_dead import dead_letters
from shared.bus.topology import Subscription
from shared.database.pool import Database, Transaction
from shared.delivery import outbox
from shared.delivery.inbox import handled_once
from shared.delivery.relay import Relay
from shared.events.envelope import Envelope, decode, event_type
from shared.events.payloads import DatasetGenerate, SessionCreated, TrainingCancel
from shared.problems import Category, ProblemError
from tests.integration.conftest import Owned, make_session, started
from tests.waiting import until

pytestmark = pytest.mark.integration

GENERATE = Subscription("dataset", "dataset.generate", "command")
CANCEL = Subscription("trainer", "training.cancel", "command")


@pytest.fixture(autouse=True)
async def nothing_waits(servers: LocalServers, database: Database) -> None:
    """Earlier modules may have asked for work that nobody did."""
    async with database.transaction() as transaction:
        await transaction.execute("update outbox set sent_at = now() where sent_at is null")
    async with await aio_pika.connect(servers.bus_url) as connection:
        for subscription in (GENERATE, CANCEL):
            channel = await connection.channel()
            with suppress(ChannelNotFoundEntity):
                await (await channel.get_queue(subscription.queue)).purge()


async def record(database: Database, owned: Owned, payload: object) -> UUID:
    async with database.transaction() as transaction:
        return await outbox.record(
            transaction,
            payload,  # type: ignore[arg-type]
            source="test",
            session_id=owned.session_id,
            user_id=owned.user_id,
        )


def command(owned: Owned) -> DatasetGenerate:
    return DatasetGenerate(session_id=owned.session_id, dataset_id=uuid4())


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
        if envelope.subject == session.session_id:
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


async def test_a_redelivered_message_has_its_effect_once(database: Database, bus: RabbitBus, session: Owned) -> None:
    effects: list[UUID] = []

    async def effect(transaction: Transaction, envelope: Envelope, data: DatasetGenerate) -> None:
        effects.append(data.dataset_id)

    bus.subscribe(GENERATE, handled_once(database, GENERATE.queue, DatasetGenerate, effect))
    await started(bus)
    envelope = Envelope(
        source="/test",
        type=event_type("dataset.generate"),
        subject=session.session_id,
        data=command(session).model_dump(mode="json"),
    )
    message = OutgoingMessage(topology.COMMANDS, "dataset.generate", str(envelope.id), envelope.to_bytes())
    other = envelope.model_copy(update={"id": uuid4()})
    last = OutgoingMessage(topology.COMMANDS, "dataset.generate", str(other.id), other.to_bytes())
    assert await bus.publish([message, message, message]) == [None, None, None]
    await until(lambda: len(effects) == 1, what="the effect")
    await bus.publish([last])
    await until(lambda: len(effects) == 2, what="the effect of another message")
    async with database.transaction() as transaction:
        assert await transaction.fetch_value("select count(*) from inbox where message_id = $1", envelope.id) == 1


async def test_f84_effect_and_mark_are_one_transaction(
    database: Database, bus: RabbitBus, relay: Relay, session: Owned
) -> None:
    """A handler that fails after its writes leaves neither the writes nor the mark; its retry does both."""
    tries: list[int] = []

    async def effect(transaction: Transaction, envelope: Envelope, data: DatasetGenerate) -> None:
        tries.append(1)
        await transaction.execute(
            "update training_sessions set version = version + 1 where session_id = $1", data.session_id
        )
        if len(tries) == 1:
            raise RuntimeError("after the write")

    bus.subscribe(GENERATE, handled_once(database, GENERATE.queue, DatasetGenerate, effect))
    await started(bus, relay)
    message_id = await record(database, session, command(session))

    async def marked() -> bool:
        async with database.transaction() as transaction:
            return bool(await transaction.fetch_value("select true from inbox where message_id = $1", message_id))

    await until(marked, what="the mark")
    async with database.transaction() as transaction:
        version = await transaction.fetch_value(
            "select version from training_sessions where session_id = $1", session.session_id
        )
    assert (len(tries), version) == (2, 2), "two tries, one effect"


async def test_messages_that_wait_together_are_handled_in_order_and_one_that_fails_takes_no_other_with_it(
    database: Database, session: Owned
) -> None:
    tries: list[int] = []

    async def effect(transaction: Transaction, envelope: Envelope, data: DatasetGenerate) -> None:
        number = int(envelope.source)
        tries.append(number)
        await transaction.execute(
            "update training_sessions set version = version * 10 + $2 where session_id = $1", data.session_id, number
        )
        if number == 3:
            raise RuntimeError("on purpose")

    handle = handled_once(database, "test.together", DatasetGenerate, effect)
    envelopes = [
        Envelope(
            source=str(number),
            type=event_type("dataset.generate"),
            subject=session.session_id,
            data=command(session).model_dump(mode="json"),
        )
        for number in range(1, 6)
    ]
    handling = [asyncio.ensure_future(handle(envelope)) for envelope in [*envelopes, envelopes[4]]]
    results = await asyncio.gather(*handling, return_exceptions=True)
    assert [str(result) for result in results if result is not None] == ["on purpose"]
    assert isinstance(results[2], RuntimeError)
    assert tries == [1, 2, 3, 2, 3, 4, 5], "the first alone, then all that waited, then each of these alone"
    async with database.transaction() as transaction:
        version = await transaction.fetch_value(
            "select version from training_sessions where session_id = $1", session.session_id
        )
    assert version == 11245, "each that can be handled once, in order"


async def test_what_cannot_be_handled_becomes_a_dead_letter_that_can_be_shown_replayed_and_dropped(
    database: Database, bus: RabbitBus, relay: Relay, servers: LocalServers, session: Owned
) -> None:
    broken = True
    given_up: list[UUID] = []
    handled: list[UUID] = []

    async def handler(envelope: Envelope) -> None:
        if broken:
            raise RuntimeError("it is broken")
        handled.append(envelope.id)

    async def give_up(envelope: Envelope, error: BaseException) -> None:
        given_up.append(envelope.id)

    bus.subscribe(GENERATE, handler, give_up=give_up)
    await started(bus, relay)
    message_id = await record(database, session, command(session))
    await until(lambda: given_up, seconds=15, what="three attempts")
    async with dead_letters(servers.bus_url) as dead:
        letter = next(letter for letter in await dead.all() if letter.message_id == str(message_id))
        assert letter.queue == GENERATE.queue
        assert letter.attempts == 3
        assert "it is broken" in letter.error
    broken = False
    async with dead_letters(servers.bus_url) as dead:
        assert len(await dead.replay(lambda found: found.message_id == str(message_id))) == 1
    await until(lambda: handled == [message_id], what="the replayed message")
    async with dead_letters(servers.bus_url) as dead:
        assert str(message_id) not in [letter.message_id for letter in await dead.all()]


async def test_a_rejected_and_an_undecodable_message_are_dead_letters_at_once_and_free_their_slot(
    bus: RabbitBus, servers: LocalServers, session: Owned
) -> None:
    handled: list[UUID] = []
    poison = uuid4()

    async def handler(envelope: Envelope) -> None:
        if envelope.id == poison:
            raise Reject("never")
        handled.append(envelope.id)

    bus.subscribe(CANCEL, handler, prefetch=1)
    await started(bus)

    def message(identifier: UUID) -> OutgoingMessage:
        envelope = Envelope(
            id=identifier,
            source="/test",
            type=event_type("training.cancel"),
            subject=session.session_id,
            data=TrainingCancel(session_id=session.session_id).model_dump(mode="json"),
        )
        return OutgoingMessage(topology.COMMANDS, "training.cancel", str(identifier), envelope.to_bytes())

    garbage, good = str(uuid4()), uuid4()
    await bus.publish(
        [message(poison), OutgoingMessage(topology.COMMANDS, "training.cancel", garbage, b"{not json"), message(good)]
    )
    await until(lambda: handled == [good], what="the message behind the poison")
    async with dead_letters(servers.bus_url) as dead:
        gone = await dead.drop(lambda letter: letter.message_id in (garbage, str(poison)))
        assert {letter.message_id for letter in gone} == {garbage, str(poison)}
        assert [letter.attempts for letter in gone] == [1, 1]
    async with dead_letters(servers.bus_url) as dead:
        assert not [letter for letter in await dead.all() if letter.message_id in (garbage, str(poison))]


async def test_something_that_is_only_away_is_waited_for_beyond_the_last_delay(
    database: Database, servers: LocalServers, session: Owned
) -> None:
    bus = RabbitBus(servers.bus_url, name="patient", retry_delays=[1])
    relay = Relay(database, bus)
    database.on_messages = relay.wake
    tries: list[int] = []

    async def handler(_: Envelope) -> None:
        tries.append(1)
        if len(tries) < 4:
            raise ProblemError(Category.STORAGE_UNAVAILABLE, title="away", detail="away", retryable=True)

    bus.subscribe(GENERATE, handler)
    await started(bus, relay)
    await record(database, session, command(session))
    await until(lambda: len(tries) == 4, seconds=15, what="four attempts")
    await relay.stop()
    await bus.stop()


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
        async with queue.iterator(arguments={"x-stream-offset": "first"}, timeout=15) as messages:
            async for message in messages:
                envelope = decode(message.body)
                await message.ack()
                if envelope.subject == owned.session_id:
                    seen.append(envelope.id)
                if len(seen) == 3:
                    break
    assert seen == ids
