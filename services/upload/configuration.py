"""A session's configuration: one document, checked as a whole against the session's files."""

from __future__ import annotations

from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.series.configuration import Configuration
from shared.sessions.rows import require_move
from shared.sessions.state import SessionStatus


async def store_configuration(
    transaction: Transaction, user_id: UUID, session: Record, configuration: Configuration
) -> None:
    """Keep it with the session. Raises a 409 problem while the session is at work."""
    await require_move(transaction, session, SessionStatus.CONFIGURED)
    await transaction.execute(
        """update public.training_sessions set configuration = $3, version = version + 1
           where session_id = $1 and user_id = $2""",
        session["session_id"],
        user_id,
        configuration.model_dump(mode="json"),
    )
