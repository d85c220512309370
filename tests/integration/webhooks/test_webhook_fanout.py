"""From an event to its deliveries: once, in the event's own transaction."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from services.notifier.webhooks.deliveries import forget_old
from services.notifier.webhooks.event_types import EVENT_TYPES
from services.notifier.webhooks.queue import _LOCK_HOOK
from shared.bus.topology import EVENTS
from shared.database.pool import Database, Transaction
from shared.delivery import outbox
from shared.events.catalogue import CATALOGUE
from shared.events.payloads import FileRejected, Payload, ResultsDeleted, SessionDeleted, SessionPurged, TrainingStart
from tests.integration.conftest import Owned, make_session
from tests.integration.outboxes import record
from tests.integration.webhooks.conftest import Owner
from tests.integration.webhooks.receiver import Receiver
from tests.payloads import example

pytestmark = pytest.mark.integration


def happened(owned: Owned) -> ResultsDeleted:
    return ResultsDeleted(session_id=owned.session_id, results=1, objects=2)


async def happens(transaction: Transaction, owned: Owned) -> UUID:
    """The event's id; it is not committed here."""
    return await outbox.record(
        transaction, happened(owned), source="test", session_id=owned.session_id, user_id=owned.user_id
    )


async def make_hook(
    database: Database, user_id: UUID, *, active: bool = True, event_types: list[str] | None = None
) -> UUID:
    """Without a secret, and with an address that leads nowhere."""
    async with database.transaction() as transaction:
        hook: UUID = await transaction.fetch_value(
            """insert into webhooks (user_id, url, active, event_types, held_until)
               values ($1, 'https://receiver.invalid', $2, $3, now() + interval '1 day') returning id""",
            user_id,
            active,
            event_types,
        )
    return hook


async def receivers_of(database: Database, event_id: UUID) -> set[UUID]:
    """The webhooks that the event is recorded for."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch("select webhook_id from webhook_deliveries where event_id = $1", event_id)
    return {row["webhook_id"] for row in rows}


async def test_f84_an_event_and_what_is_to_be_sent_of_it_are_one_transaction(
    database: Database, session: Owned
) -> None:
    hooks = {await make_hook(database, session.user_id) for _ in range(2)}
    event_ids = []

    async def fails() -> None:
        async with database.transaction() as transaction:
            event_ids.append(await happens(transaction, session))
            raise RuntimeError("after the write")

    with pytest.raises(RuntimeError, match="after the write"):
        await fails()
    assert await receivers_of(database, event_ids[0]) == set()
    assert await receivers_of(database, await record(database, session, happened(session))) == hooks


async def test_only_the_owners_active_webhooks_get_it(database: Database, session: Owned) -> None:
    mine = await make_hook(database, session.user_id)
    await make_hook(database, session.user_id, active=False)
    await make_hook(database, (await make_session(database)).user_id)
    assert await receivers_of(database, await record(database, session, happened(session))) == {mine}


async def test_nobody_gets_commands(database: Database, session: Owned) -> None:
    await make_hook(database, session.user_id)
    command = TrainingStart(**example(TrainingStart) | {"session_id": session.session_id})
    assert await receivers_of(database, await record(database, session, command)) == set()


@pytest.mark.parametrize("name", EVENT_TYPES)
async def test_numbered_events_are_sent_by_default_and_all_by_name(
    database: Database, session: Owned, name: str
) -> None:
    """``file.rejected`` and ``session.purged`` come to who asks for them; every event that has a number, to all."""
    default = await make_hook(database, session.user_id)
    asking = await make_hook(database, session.user_id, event_types=[name])
    other = next(each for each in EVENT_TYPES if each != name)
    await make_hook(database, session.user_id, event_types=[other])
    payload = CATALOGUE[name].payload
    told = payload(**example(payload))
    expected = {asking} if name in ("file.rejected", "session.purged") else {default, asking}
    assert await receivers_of(database, await record(database, session, told)) == expected


@pytest.mark.parametrize("payload", [FileRejected, SessionPurged])
async def test_what_is_of_no_session_needs_none(database: Database, session: Owned, payload: type[Payload]) -> None:
    name = next(name for name, entry in CATALOGUE.items() if entry.payload is payload)
    asking = await make_hook(database, session.user_id, event_types=[name])
    gone = Owned("no-session", session.user_id)
    assert await receivers_of(database, await record(database, gone, payload(**example(payload)))) == {asking}


async def test_what_is_recorded_while_its_webhook_is_made_inactive_does_not_wait_for_ever(
    owner: Owner, receiver: Receiver, database: Database
) -> None:
    """Nor do the two wait for each other."""
    hook = await owner.hook(receiver.url)
    async with database.transaction() as transaction:
        event_id = await happens(transaction, owner.owned)
        path = f"/api/training/webhooks/{hook['webhookId']}"
        changed = await owner.client.patch(path, json={"active": False})
        assert changed.json()["active"] is False
    assert [item["status"] for item in await owner.log(hook)] == ["pending"]
    await forget_old(database)
    [item] = await owner.log(hook)
    assert (item["eventId"], item["status"]) == (str(event_id), "cancelled")


async def test_an_event_does_not_wait_for_an_attempt_that_is_being_written_down(
    database: Database, session: Owned
) -> None:
    """Every service's transactions record events, and hold their session and a connection meanwhile."""
    hook = await make_hook(database, session.user_id)
    first = await record(database, session, happened(session))
    async with database.transaction() as transaction:
        await transaction.fetch_value(_LOCK_HOOK, hook)
        await transaction.execute("update webhook_deliveries set attempts = 1 where event_id = $1", first)
        async with asyncio.timeout(5):
            second = await record(database, session, happened(session))
            deleted = await record(database, session, SessionDeleted(session_id=session.session_id))
    assert await receivers_of(database, second) == await receivers_of(database, deleted) == {hook}


def test_the_database_knows_the_events_by_their_exchange() -> None:
    """The trigger that records deliveries names it."""
    assert EVENTS == "foretide.events"
