"""The log of a webhook, newest first; asking for a delivery once more; a test."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.notifier.webhooks.documents import AttemptDocument, DeliveryDocument
from services.notifier.webhooks.event_types import TEST
from shared.database.pool import Database, Record, Transaction
from shared.events.envelope import Envelope, event_type
from shared.problems import Category, ProblemError, not_found
from shared.web.documents import Page, decode_cursor, encode_cursor

_SHOWN_ATTEMPTS = 20
# In one statement: what an attempt came to and the state that follows from it are never shown one without the other.
_ITEM = f"""
select item.*, array(
    select to_jsonb(recent) from (
        select * from public.webhook_attempts where delivery_id = item.id order by number desc limit {_SHOWN_ATTEMPTS}
    ) recent order by recent.number
) as log
from public.webhook_deliveries item
"""
_LIST = f"""
{_ITEM} where webhook_id = $1 and ($2::timestamptz is null or (created_at, id::text) < ($2, $3))
order by created_at desc, id::text desc limit $4
"""
_FIND = f"{_ITEM} where id = $1 and webhook_id = $2"
_ANEW = """
update public.webhook_deliveries set status = 'pending', schedule_start = attempts, next_attempt_at = now()
where id = $1 and (status <> 'pending' or lease_until is null or lease_until <= now())
"""
_TEST = """
insert into public.webhook_deliveries (webhook_id, user_id, event_id, event_type, envelope)
values ($1, $2, $3, $4, $5) returning id
"""
_FORGET = """
delete from public.webhook_deliveries where created_at < now() - interval '30 days' and status <> 'pending'
"""
# What was recorded in the moment in which its webhook was made inactive.
_LATE = """
update public.webhook_deliveries item set status = 'cancelled', next_attempt_at = null
from public.webhooks hook where hook.id = item.webhook_id and not hook.active and item.status = 'pending'
"""
_EXPIRED = "delete from public.user_secrets where expires_at < now()"


async def list_deliveries(
    transaction: Transaction, webhook_id: UUID, *, limit: int, cursor: str | None
) -> Page[DeliveryDocument]:
    """A page of the deliveries of a webhook that was found to be the caller's."""
    list_name = f"deliveries {webhook_id}"
    after = decode_cursor(cursor, list_name, datetime) if cursor else (None, "")
    rows = await transaction.fetch(_LIST, webhook_id, *after, limit + 1)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return Page[DeliveryDocument](
        items=[_document(row) for row in shown],
        next_cursor=encode_cursor(list_name, last["created_at"], str(last["id"])) if last else None,
    )


async def redeliver(transaction: Transaction, webhook: Record, delivery_id: UUID) -> DeliveryDocument:
    """Due at once, with a schedule of its own; one that is under way is left to end. Runs as the service.

    Raises a 404 problem for a delivery that is not this webhook's, and a 409 for a webhook that is not active.
    """
    if await transaction.fetch_row(_FIND, delivery_id, webhook["id"]) is None:
        raise not_found("Delivery", str(delivery_id))
    require_active(webhook)
    await transaction.execute(_ANEW, delivery_id)
    return await _found(transaction, webhook, delivery_id)


async def send_test(transaction: Transaction, webhook: Record) -> DeliveryDocument:
    """An event of its own, due at once, tried once. Runs as the service. Raises a 409 for one that is not active."""
    require_active(webhook)
    envelope = Envelope(
        source="/foretide/notifier",
        type=event_type(TEST),
        subject=str(webhook["id"]),
        userid=str(webhook["user_id"]),
        data={"webhook_id": str(webhook["id"]), "message": "This is a test of your webhook."},
    )
    delivery_id = await transaction.fetch_value(
        _TEST, webhook["id"], webhook["user_id"], envelope.id, TEST, envelope.model_dump(mode="json", exclude_none=True)
    )
    return await _found(transaction, webhook, delivery_id)


def require_active(webhook: Record) -> None:
    """Raises a 409 problem for one that nothing is sent to."""
    if not webhook["active"]:
        raise ProblemError(
            Category.CONFLICT,
            title="The webhook is not active",
            detail=f"Nothing is sent to webhook {webhook['id']}: "
            f"{webhook['disabled_reason'] or 'its owner has made it inactive.'}",
            recovery=['PATCH it with {"active": true} once its receiver is there.'],
        )


async def forget_old(database: Database) -> None:
    """The log is kept for 30 days; secrets that sign no more are removed; for one that is inactive nothing waits."""
    async with database.transaction() as transaction:
        await transaction.execute(_LATE)
        await transaction.execute(_FORGET)
        await transaction.execute(_EXPIRED)


async def _found(transaction: Transaction, webhook: Record, delivery_id: UUID) -> DeliveryDocument:
    row = await transaction.fetch_row(_FIND, delivery_id, webhook["id"])
    assert row is not None
    return _document(row)


def _document(row: Record) -> DeliveryDocument:
    attempts = [AttemptDocument(**{name: entry[name] for name in AttemptDocument.model_fields}) for entry in row["log"]]
    names = ("event_id", "event_type", "status", "next_attempt_at", "created_at")
    return DeliveryDocument(
        delivery_id=row["id"],
        subject=row["envelope"]["subject"],
        attempts=attempts,
        **{name: row[name] for name in names},
    )
