"""A session's numbered events, read from the database: the truth that the bus only announces."""

from __future__ import annotations

from shared.database.pool import Transaction
from shared.events.envelope import Envelope

REPLAY_LIMIT = 1000
"""Events in one answer at most."""
REPLAY_BATCH = 200
"""Events read at once for one who joins."""
LARGEST_SEQUENCE = 2**63 - 1
"""What the database can count to."""


async def events_after(transaction: Transaction, session_id: str, after: int, *, limit: int) -> list[Envelope]:
    """Events with a number above ``after``, oldest first."""
    rows = await transaction.fetch(
        """select envelope from public.session_events where session_id = $1 and sequence > $2
           order by sequence limit $3""",
        session_id,
        after,
        limit,
    )
    return [Envelope.model_validate(row["envelope"]) for row in rows]


async def last_sequences(transaction: Transaction, session_ids: list[str]) -> dict[str, int]:
    """For each session that still exists, the number of its last event."""
    rows = await transaction.fetch(
        "select session_id, last_sequence from public.training_sessions where session_id = any($1::text[])",
        session_ids,
    )
    return {row["session_id"]: row["last_sequence"] for row in rows}
