"""From an event to what is to be sent: a row for each webhook that asks for it, once, whatever the bus repeats."""

from __future__ import annotations

from uuid import UUID

from services.notifier.webhooks.event_types import goes_with_its_session, is_sent_by_default
from shared.database.pool import Transaction
from shared.events.envelope import Envelope
from shared.events.payloads import Payload

# Locked against being made inactive meanwhile: what is recorded later would wait for ever.
_RECORD = """
insert into public.webhook_deliveries (webhook_id, user_id, event_id, event_type, session_id, envelope)
select hook.id, hook.user_id, $2, $3, $4, $5 from public.webhooks hook
where hook.user_id = $1 and hook.active and coalesce($3 = any(hook.event_types), $6)
    and ($4::text is null or exists (
        select from public.training_sessions where session_id = $4 and user_id = $1 and status <> 'deleting'))
for share of hook
on conflict (webhook_id, event_id) do nothing
"""
_CANCEL = """
update public.webhook_deliveries set status = 'cancelled', next_attempt_at = null
where session_id = $1 and status = 'pending'
"""


async def record_deliveries(transaction: Transaction, envelope: Envelope, _: Payload) -> None:
    """An effect for the inbox: runs as the service, in the transaction that marks the event as handled.

    Of a session that is being deleted nothing is told any more but that; what still waits is not sent.
    """
    if envelope.userid is None:
        return
    await transaction.execute(
        _RECORD,
        UUID(envelope.userid),
        envelope.id,
        envelope.name,
        envelope.subject if goes_with_its_session(envelope.name) else None,
        envelope.model_dump(mode="json", exclude_none=True),
        is_sent_by_default(envelope.name),
    )
    if envelope.name == "session.deleted":
        await transaction.execute(_CANCEL, envelope.subject)
