"""Webhooks in the database: made, changed, made inactive, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.notifier.webhooks.documents import WebhookDocument
from shared.database.pool import Record, Transaction
from shared.problems import Category, ProblemError, not_found

MOST = 10
# Whoever else makes one for this user waits.
_LOCK = "select pg_advisory_xact_lock(hashtextextended('webhooks ' || $1::uuid::text, 0))"
_INSERT = """
insert into public.webhooks (user_id, url, event_types, description, active) values ($1, $2, $3, $4, $5) returning *
"""
_LIST = "select * from public.webhooks where user_id = $1 order by created_at desc, id"
_FIND = "select * from public.webhooks where id = $1 and user_id = $2"
_CHANGE = """
update public.webhooks set url = $2, event_types = $3, description = $4, active = $5, updated_at = now(),
    failing_since = case when $6 then null else failing_since end,
    last_failure_at = case when $6 then null else last_failure_at end,
    held_until = case when $6 then null else held_until end,
    disabled_at = case when $5 then null else disabled_at end,
    disabled_reason = case when $5 then null else disabled_reason end
where id = $1 returning *
"""
_DISABLE = """
update public.webhooks set active = false, disabled_at = now(), disabled_reason = $2, updated_at = now()
where id = $1 and active
"""
_CANCEL = """
update public.webhook_deliveries set status = 'cancelled', next_attempt_at = null
where webhook_id = $1 and status = 'pending'
"""


async def make_webhook(
    transaction: Transaction, user_id: UUID, url: str, event_types: list[str] | None, description: str, active: bool
) -> Record:
    """A new webhook. Runs as the service. Raises a 409 problem where the user has as many as may be."""
    await transaction.fetch_value(_LOCK, user_id)
    count = await transaction.fetch_value("select count(*) from public.webhooks where user_id = $1", user_id)
    if count >= MOST:
        raise ProblemError(
            Category.CONFLICT,
            title="You have as many webhooks as you may have",
            detail=f"There are {count} webhooks of yours; at most {MOST} may be.",
            recovery=["DELETE /api/training/webhooks/{webhookId} one that nobody needs."],
        )
    row = await transaction.fetch_row(_INSERT, user_id, url, event_types, description, active)
    assert row is not None
    return row


async def webhooks_of(transaction: Transaction, user_id: UUID) -> list[Record]:
    """The newest first."""
    return await transaction.fetch(_LIST, user_id)


async def own_webhook(transaction: Transaction, user_id: UUID, webhook_id: UUID, *, lock: bool = False) -> Record:
    """The caller's webhook; users cannot lock. Raises a 404 problem for one that is not there, or somebody else's."""
    row = await transaction.fetch_row(_FIND + (" for no key update" if lock else ""), webhook_id, user_id)
    if row is None:
        raise not_found("Webhook", str(webhook_id))
    return row


async def change_webhook(transaction: Transaction, webhook: Record, changes: dict[str, Any]) -> Record:
    """The webhook with these columns as given. Runs as the service, with the webhook locked.

    At another address, and when it is active anew, it begins without failures. What waits for one that is made
    inactive is not sent any more.
    """
    wanted = {name: changes.get(name, webhook[name]) for name in ("url", "event_types", "description", "active")}
    begins_anew = wanted["url"] != webhook["url"] or (wanted["active"] and "active" in changes)
    row = await transaction.fetch_row(_CHANGE, webhook["id"], *wanted.values(), begins_anew)
    assert row is not None
    if not row["active"]:
        await transaction.execute(_CANCEL, webhook["id"])
    return row


async def disable(transaction: Transaction, webhook_id: UUID, reason: str) -> bool:
    """Make it inactive on our own account; False where it was before. Runs as the service."""
    if not await transaction.execute(_DISABLE, webhook_id, reason):
        return False
    await transaction.execute(_CANCEL, webhook_id)
    return True


async def remove_webhook(transaction: Transaction, webhook_id: UUID) -> None:
    """With its secrets, what waits for it, and its log. Runs as the service."""
    # Before the webhook, which its user's events then wait for: its log may be long.
    await transaction.execute("delete from public.webhook_deliveries where webhook_id = $1", webhook_id)
    await transaction.execute("delete from public.webhooks where id = $1", webhook_id)


def document_of(row: Record) -> WebhookDocument:
    """As HTTP shows it."""
    names = WebhookDocument.model_fields.keys() - {"webhook_id"}
    return WebhookDocument(webhook_id=row["id"], **{name: row[name] for name in names})
