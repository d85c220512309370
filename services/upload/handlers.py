"""What the upload service does when a message says so."""

from __future__ import annotations

from uuid import UUID

from services.upload.deletion import begin_deletion
from shared.database.pool import Transaction
from shared.events.envelope import Envelope
from shared.events.payloads import SessionDelete
from shared.problems import Category, ProblemError


async def on_session_delete(transaction: Transaction, envelope: Envelope, command: SessionDelete) -> None:
    """Delete on behalf of the user whom the sender verified; a session that is gone already is no error."""
    try:
        await begin_deletion(transaction, UUID(envelope.userid), command.session_id)
    except ProblemError as error:
        if error.problem.category is not Category.NOT_FOUND:
            raise
