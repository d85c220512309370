"""Exactly once in effect: inbox, retries, dead letters."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from foretide.stack.servers import LocalServers
from shared.bus import topology
from shared.bus.port import OutgoingMessage, Reject
from shared.bus.rabbit import RabbitBus
from shared.bus.rabbit_dead import dead_letters
from shared.database.pool import Database, Transaction
from shared.delivery.inbox import handled_once
from shared.delivery.relay import Relay
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import DatasetGenerate, TrainingCancel
from shared.problems import Category, ProblemError
from tests.integration.conftest import Owned, started
from tests.integration.outboxes import CANCEL, GENERATE, record
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_waits")]


def command(owned: Owned) -> DatasetGenerate:
    return DatasetGenerate(session_id=owned.session_id, dataset_id=uuid4())


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
    await until(lambda: given_up, seconds=60, what="three attempts")
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
    await until(lambda: len(tries) == 4, seconds=60, what="four attempts")
    await relay.stop()
    await bus.stop()
