"""The outbox: a state change and the messages that it causes, written in one transaction.

Nothing is published from inside a handler or a request; the relay does that for what was committed.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from shared.bus import topology
from shared.database.pool import Transaction
from shared.events.catalogue import Kind, definition_of
from shared.events.envelope import event_type
from shared.events.payloads import Payload
from shared.telemetry.trace import current_traceparent

_RECORD = "select foretide.record_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


async def record(transaction: Transaction, payload: Payload, *, source: str, session_id: str, user_id: UUID) -> UUID:
    """Record an event or a command; it is published if, and only if, the transaction commits.

    ``session_id`` becomes the message's subject (the upload's id where there is no session yet). An event takes
    the next number of its session. Must run as the service (``transaction.as_service()`` within
    a request). Returns the message's id. Raises ``KeyError`` for a payload outside the catalogue.
    """
    definition = definition_of(payload)
    if definition.kind is Kind.PROGRESS:
        raise ValueError("progress is transient and never recorded")
    is_event = definition.kind is Kind.EVENT
    message_id = uuid4()
    await transaction.fetch_value(
        _RECORD,
        topology.EVENTS if is_event else topology.COMMANDS,
        definition.name,
        definition.numbered,
        message_id,
        event_type(definition.name, definition.version),
        f"/foretide/{source}",
        session_id,
        str(user_id),
        current_traceparent(),
        payload.model_dump(mode="json"),
    )
    transaction.recorded_messages = True
    return message_id
