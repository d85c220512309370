"""What waits to be sent, shared by all replicas: taken under a lease, and ended by whoever still holds it.

A replica that is killed leaves its leases behind; when they run out another one sends the same again, under the same
``webhook-id``. Nobody writes under an attempt that was given to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifier.webhooks.event_types import TEST
from services.notifier.webhooks.hooks import disable
from services.notifier.webhooks.outcome import Outcome
from services.notifier.webhooks.secrets import sealed_secrets
from shared.database.pool import Transaction
from shared.events.envelope import Envelope

AT_ONCE_PER_WEBHOOK = 4
_LONGEST_SILENCE = "interval '2 days'"
"""Longer than between any two attempts; what failed before it says nothing of how long it has been failing."""

# What is due, at most as many of each webhook as it may still have under way. Each webhook is looked at by itself,
# found by leaping from one to the next in the index: neither what waits for one that has its fill, nor the backlog of
# one that is quick, is between the others and their turn.
_CLAIM = """
with recursive waiting (webhook_id) as (
    (select webhook_id from public.webhook_deliveries where status = 'pending' order by webhook_id limit 1)
    union all
    select (
        select item.webhook_id from public.webhook_deliveries item
        where item.status = 'pending' and item.webhook_id > waiting.webhook_id order by item.webhook_id limit 1
    ) from waiting where waiting.webhook_id is not null
), busy as materialized (
    select webhook_id, count(*) as running from public.webhook_deliveries
    where lease_until > now() group by webhook_id
), due as materialized (
    select item.id, item.next_attempt_at, hook.url, coalesce(busy.running, 0)
        + row_number() over (partition by hook.id order by item.next_attempt_at, item.created_at) as place
    from waiting
    join public.webhooks hook on hook.id = waiting.webhook_id and hook.active
        and (hook.held_until is null or hook.held_until <= now())
    left join busy on busy.webhook_id = hook.id
    cross join lateral (
        select id, next_attempt_at, created_at from public.webhook_deliveries
        where webhook_id = hook.id and status = 'pending' and next_attempt_at <= now()
            and (lease_until is null or lease_until <= now())
            and not exists (
                select from public.training_sessions session
                where session.session_id = webhook_deliveries.session_id and session.status = 'deleting')
        order by next_attempt_at, created_at limit greatest($2 - coalesce(busy.running, 0), 0)
    ) item
), taken as materialized (
    select item.id, due.url from public.webhook_deliveries item join due on due.id = item.id
    where item.status = 'pending' and (item.lease_until is null or item.lease_until <= now())
    order by due.place, due.next_attempt_at limit $1 for update of item skip locked
)
update public.webhook_deliveries item
set attempts = item.attempts + 1, lease_until = now() + make_interval(secs => $3)
from taken where item.id = taken.id
returning item.id, item.webhook_id, item.event_id, item.event_type, item.envelope, item.attempts, item.schedule_start,
    taken.url
"""
# Weaker than for update: what records events takes a key share, and does not wait.
_LOCK_HOOK = "select true from public.webhooks where id = $1 for no key update"
_HELD = """
select status from public.webhook_deliveries where id = $1 and attempts = $2 and lease_until is not null for update
"""
_LOG = """
insert into public.webhook_attempts (delivery_id, number, started_at, duration_ms, status_code, error, answer)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
"""
_END = """
update public.webhook_deliveries set lease_until = null, status = $2,
    next_attempt_at = case when $2 = 'pending' then now() + make_interval(secs => $3) end
where id = $1
"""
_SUCCEEDED = """
update public.webhooks set failing_since = null, last_failure_at = null where id = $1 and failing_since is not null
"""
_FAILED = f"""
update public.webhooks set last_failure_at = now(),
    failing_since = case when last_failure_at > now() - {_LONGEST_SILENCE} then failing_since else now() end,
    held_until = greatest(held_until, now() + make_interval(secs => $2))
where id = $1 returning failing_since <= now() - make_interval(secs => $3)
"""
_HAND_BACK = """
update public.webhook_deliveries set lease_until = null where id = $1 and attempts = $2
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One attempt that is ours to make. ``sealed``: the secrets that sign it, encrypted, the newest first."""

    delivery_id: UUID
    webhook_id: UUID
    url: str
    event_type: str
    envelope: dict[str, Any]
    message_id: str
    attempt: int
    tries: int
    sealed: tuple[str, ...]

    @property
    def body(self) -> bytes:
        """The event as it is sent. Raises for one that is none: that is this attempt's fault, not the queue's."""
        return Envelope.model_validate(self.envelope).to_bytes()

    @property
    def is_test(self) -> bool:
        """Tried once, and no sign of how its receiver does: its owner looks at the answer."""
        return self.event_type == TEST


async def claim(transaction: Transaction, limit: int, lease_seconds: float) -> list[Claimed]:
    """Up to so many that are due: of each webhook one, then another, the longest waiting first. Runs as the service."""
    rows = await transaction.fetch(_CLAIM, limit, AT_ONCE_PER_WEBHOOK, lease_seconds)
    sealed = await sealed_secrets(transaction, [row["webhook_id"] for row in rows]) if rows else {}
    return [
        Claimed(
            row["id"],
            row["webhook_id"],
            row["url"],
            row["event_type"],
            row["envelope"],
            str(row["event_id"]),
            row["attempts"],
            row["attempts"] - row["schedule_start"],
            tuple(sealed.get(row["webhook_id"], ())),
        )
        for row in rows
    ]


async def finish(
    transaction: Transaction, held: Claimed, outcome: Outcome, wait_seconds: float | None, give_up_seconds: float
) -> str | None:
    """Write the attempt down, and what follows from it for the delivery and its webhook. Runs as the service.

    Returns why the webhook was made inactive, if it was. Of an attempt that is no longer ours nothing is written.
    """
    # The webhook before the delivery, as whoever changes both locks them.
    if not await transaction.fetch_value(_LOCK_HOOK, held.webhook_id):
        return None
    status = await transaction.fetch_value(_HELD, held.delivery_id, held.attempt)
    if status is None:
        return None
    await transaction.execute(
        _LOG,
        held.delivery_id,
        held.attempt,
        outcome.started_at,
        round(outcome.duration_seconds * 1000),
        outcome.status_code,
        outcome.error,
        outcome.answer,
    )
    if outcome.is_success:
        status = "delivered"
    elif status == "pending" and wait_seconds is None:
        status = "failed"
    await transaction.execute(_END, held.delivery_id, status, wait_seconds or 0.0)
    return await _judge(transaction, held, outcome, give_up_seconds)


async def _judge(transaction: Transaction, held: Claimed, outcome: Outcome, give_up_seconds: float) -> str | None:
    """What the attempt says of the webhook."""
    if outcome.is_success:
        await transaction.execute(_SUCCEEDED, held.webhook_id)
        return None
    reason = None
    if outcome.is_gone:
        reason = "The receiver answered 410 Gone: it wants to hear no more."
    elif not held.is_test and await transaction.fetch_value(
        _FAILED, held.webhook_id, outcome.pause_seconds, give_up_seconds
    ):
        reason = f"Everything that was sent has failed for {give_up_seconds / 3600:g} hours."
    if reason is not None and await disable(transaction, held.webhook_id, reason):
        return reason
    return None


async def hand_back(transaction: Transaction, held: Claimed) -> None:
    """An attempt that was cut short because this process ends: another one makes it anew at once."""
    await transaction.execute(_HAND_BACK, held.delivery_id, held.attempt)
