"""From an event to its deliveries: once, in one transaction, whatever is repeated or fails."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from fastapi import FastAPI

from services.notifier.webhooks.fanout import record_deliveries
from shared.bus.port import OutgoingMessage
from shared.bus.topology import EVENTS, WEBHOOKS
from shared.database.pool import Database, Transaction
from shared.delivery.inbox import handled_once
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import Payload, ResultsDeleted
from tests.integration.conftest import Owned, make_session
from tests.integration.webhooks.conftest import Owner
from tests.integration.webhooks.receiver import Receiver

pytestmark = pytest.mark.integration


def happened(owned: Owned) -> Envelope:
    """An event of the session that is on no bus yet."""
    data = ResultsDeleted(session_id=owned.session_id, results=1, objects=2).model_dump(mode="json")
    return Envelope(
        source="/test",
        type=event_type("results.deleted"),
        subject=owned.session_id,
        sequence="1",
        userid=str(owned.user_id),
        data=data,
    )


async def make_hook(database: Database, user_id: UUID, *, active: bool = True) -> UUID:
    """Without a secret, and with an address that leads nowhere."""
    async with database.transaction() as transaction:
        hook: UUID = await transaction.fetch_value(
            """insert into webhooks (user_id, url, active, held_until)
               values ($1, 'https://receiver.invalid', $2, now() + interval '1 day') returning id""",
            user_id,
            active,
        )
    return hook


async def recorded(database: Database, envelope: Envelope) -> tuple[int, set[UUID]]:
    """How often the event is marked as handled, and the webhooks that it is recorded for."""
    async with database.transaction() as transaction:
        marks = await transaction.fetch_value(
            "select count(*) from inbox where consumer = $1 and message_id = $2", WEBHOOKS.queue, envelope.id
        )
        rows = await transaction.fetch("select webhook_id from webhook_deliveries where event_id = $1", envelope.id)
    return marks, {row["webhook_id"] for row in rows}


async def test_f84_an_event_is_marked_in_the_transaction_that_records_what_is_to_be_sent(
    database: Database, session: Owned
) -> None:
    """A handler that fails in between leaves neither; parallel retries record once."""
    hooks = {await make_hook(database, session.user_id) for _ in range(2)}
    envelope = happened(session)
    tries: list[int] = []

    async def fails_once(transaction: Transaction, envelope: Envelope, data: Payload) -> None:
        await record_deliveries(transaction, envelope, data)
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("after the write")

    handle = handled_once(database, WEBHOOKS.queue, Payload, fails_once)
    with pytest.raises(RuntimeError):
        await handle(envelope)
    assert await recorded(database, envelope) == (0, set())
    replicas = [handled_once(database, WEBHOOKS.queue, Payload, record_deliveries) for _ in range(4)]
    await asyncio.gather(*(replica(envelope) for replica in replicas))
    assert await recorded(database, envelope) == (1, hooks)


async def test_only_the_owners_active_webhooks_get_it(database: Database, session: Owned) -> None:
    mine = await make_hook(database, session.user_id)
    await make_hook(database, session.user_id, active=False)
    await make_hook(database, (await make_session(database)).user_id)
    envelope = happened(session)
    await handled_once(database, WEBHOOKS.queue, Payload, record_deliveries)(envelope)
    assert await recorded(database, envelope) == (1, {mine})


async def test_what_the_bus_delivers_twice_is_sent_once(notifier: FastAPI, owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url)
    envelope = happened(owner.owned)
    message = OutgoingMessage(EVENTS, "results.deleted", str(envelope.id), envelope.to_bytes())
    assert await notifier.state.service.bus.publish([message] * 3) == [None] * 3
    last = await owner.event()
    await owner.ended(hook, 2)
    assert receiver.times == {str(envelope.id): 1, last: 1}
