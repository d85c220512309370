"""Who gets what is due, and who may write what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.notifier.webhooks.outcome import Outcome
from services.notifier.webhooks.queue import Claimed, claim, finish
from shared.database.pool import Database, Transaction
from shared.events.envelope import Envelope, event_type

pytestmark = pytest.mark.integration

LEASE, FIVE_DAYS = 60.0, 432_000.0


@pytest.fixture
async def hooks(database: Database, user_id: UUID) -> AsyncIterator[list[UUID]]:
    """One with twenty events due, and two with one each that came later."""
    made: list[UUID] = []
    for count in (20, 1, 1):
        async with database.transaction() as transaction:
            hook = await transaction.fetch_value(
                "insert into webhooks (user_id, url) values ($1, 'https://receiver.invalid') returning id", user_id
            )
            made.append(hook)
            for _ in range(count):
                envelope = Envelope(source="/test", type=event_type("results.deleted"), subject="s", data={})
                await transaction.execute(
                    """insert into webhook_deliveries (webhook_id, user_id, event_id, event_type, envelope)
                       values ($1, $2, $3, 'results.deleted', $4)""",
                    hook,
                    user_id,
                    envelope.id,
                    envelope.model_dump(mode="json", exclude_none=True),
                )
    yield made
    async with database.transaction() as transaction:
        await transaction.execute("delete from webhooks where user_id = $1", user_id)


async def claimed(transaction: Transaction, hooks: list[UUID], limit: int = 100) -> list[Claimed]:
    """Of these webhooks."""
    return [held for held in await claim(transaction, limit, LEASE) if held.webhook_id in hooks]


def outcome(status: int | None = 204) -> Outcome:
    return Outcome(datetime.now(UTC), 0.1, status_code=status)


async def state_of(database: Database, held: Claimed) -> tuple[str, int]:
    """The delivery's status, and how many attempts are in its log."""
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(
            """select status, (select count(*) from webhook_attempts where delivery_id = $1) as logged
               from webhook_deliveries where id = $1""",
            held.delivery_id,
        )
    assert row is not None
    return row["status"], row["logged"]


async def test_one_webhook_has_four_under_way_at_most_and_keeps_nobody_out(
    database: Database, hooks: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        first = await claimed(transaction, hooks)
    assert [sum(held.webhook_id == hook for held in first) for hook in hooks] == [4, 1, 1]
    async with database.transaction() as transaction:
        assert await claimed(transaction, hooks) == []
        await finish(transaction, next(h for h in first if h.webhook_id == hooks[0]), outcome(), None, FIVE_DAYS)
        [another] = await claimed(transaction, hooks)
    assert another.webhook_id == hooks[0]


async def test_where_not_all_can_be_taken_each_webhook_gets_one_before_any_gets_two(
    database: Database, hooks: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        # What others have left behind has waited for longer.
        await transaction.execute(
            "update webhook_deliveries set lease_until = now() + interval '1 hour' where webhook_id <> all($1)", hooks
        )
        taken = await claimed(transaction, hooks, limit=3)
    assert {held.webhook_id for held in taken} == set(hooks)


async def test_a_long_backlog_of_a_quick_receiver_is_not_between_others_and_their_turn(
    database: Database, hooks: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into webhook_deliveries
                   (webhook_id, user_id, event_id, event_type, envelope, next_attempt_at)
               select webhook_id, user_id, gen_random_uuid(), event_type, envelope, now() - interval '1 hour'
               from (select * from webhook_deliveries where webhook_id = $1 limit 1) one, generate_series(1, 3000)""",
            hooks[0],
        )
        taken = await claimed(transaction, hooks)
    assert [sum(held.webhook_id == hook for held in taken) for hook in hooks] == [4, 1, 1]


async def test_what_is_no_event_is_an_attempt_that_fails_and_keeps_nobody_out(
    database: Database, hooks: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            """update webhook_deliveries set envelope = '{"subject": "s"}' where webhook_id = $1""", hooks[1]
        )
        taken = {held.webhook_id: held for held in await claimed(transaction, hooks)}
    assert taken[hooks[2]].body
    with pytest.raises(ValueError, match="source"):
        assert taken[hooks[1]].body


async def test_two_at_once_never_take_the_same(database: Database, hooks: list[UUID]) -> None:
    async with database.transaction() as one, database.transaction() as other:
        first, second = await claimed(one, hooks), await claimed(other, hooks)
        assert not {held.delivery_id for held in first} & {held.delivery_id for held in second}


async def test_f26_who_has_lost_the_lease_writes_nothing(database: Database, hooks: list[UUID]) -> None:
    async with database.transaction() as transaction:
        held = next(h for h in await claimed(transaction, hooks) if h.webhook_id == hooks[1])
        await transaction.execute(
            "update webhook_deliveries set lease_until = now() - interval '1 second' where id = $1", held.delivery_id
        )
        again = next(h for h in await claimed(transaction, hooks) if h.webhook_id == hooks[1])
        assert (again.delivery_id, again.message_id, again.body) == (held.delivery_id, held.message_id, held.body)
        assert (held.attempt, again.attempt) == (1, 2)
    async with database.transaction() as transaction:
        await finish(transaction, held, outcome(None), None, FIVE_DAYS)
    assert await state_of(database, held) == ("pending", 0)
    async with database.transaction() as transaction:
        await finish(transaction, again, outcome(), None, FIVE_DAYS)
        await finish(transaction, again, outcome(500), 5.0, FIVE_DAYS)
    assert await state_of(database, held) == ("delivered", 1)


async def test_what_was_cancelled_while_it_was_under_way_ends_by_its_answer(
    database: Database, hooks: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        taken = [held for held in await claimed(transaction, hooks) if held.webhook_id == hooks[0]]
        await transaction.execute(
            "update webhook_deliveries set status = 'cancelled', next_attempt_at = null where webhook_id = $1", hooks[0]
        )
        await finish(transaction, taken[0], outcome(), None, FIVE_DAYS)
        await finish(transaction, taken[1], outcome(500), 5.0, FIVE_DAYS)
    assert await state_of(database, taken[0]) == ("delivered", 1)
    assert await state_of(database, taken[1]) == ("cancelled", 1)


async def test_a_removed_webhook_is_not_missed(database: Database, hooks: list[UUID]) -> None:
    async with database.transaction() as transaction:
        taken = await claimed(transaction, hooks)
        await transaction.execute("delete from webhooks where id = any($1)", hooks)
        for held in taken:
            assert await finish(transaction, held, outcome(410), None, FIVE_DAYS) is None


async def test_none_of_a_webhook_on_pause_is_taken(database: Database, hooks: list[UUID]) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "update webhooks set held_until = now() + interval '1 minute' where id = $1", hooks[0]
        )
        assert {held.webhook_id for held in await claimed(transaction, hooks)} == set(hooks[1:])
