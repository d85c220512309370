"""Sessions in the database: finding one's own, and moving one along its allowed edges."""

from __future__ import annotations

from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.problems import Category, Problem, ProblemError, not_found
from shared.sessions.state import ALLOWED_FROM, SessionStatus


async def own_session(transaction: Transaction, user_id: UUID, session_id: str) -> Record:
    """The caller's session. Raises a 404 problem for one that does not exist, is going, or is somebody else's."""
    row = await transaction.fetch_row(
        """select * from public.training_sessions
           where session_id = $1 and user_id = $2 and status <> 'deleting'""",
        session_id,
        user_id,
    )
    if row is None:
        raise not_found("Session", session_id)
    return row


async def move(transaction: Transaction, session_id: str, to: SessionStatus, *, problem: Problem | None = None) -> bool:
    """Guarded update: True when the session was in a state from which ``to`` may be entered."""
    return bool(
        await transaction.execute(
            """update public.training_sessions set status = $2, problem = $4
               where session_id = $1 and status = any($3::text[])""",
            session_id,
            to.value,
            [state.value for state in ALLOWED_FROM[to]],
            problem.model_dump(mode="json") if problem else None,
        )
    )


async def require_move(transaction: Transaction, session: Record, to: SessionStatus) -> None:
    """Move, or raise a 409 problem that says what the session is busy with."""
    if not await move(transaction, session["session_id"], to):
        raise busy(session, to)


def busy(session: Record, to: SessionStatus) -> ProblemError:
    """The 409 problem of a session that cannot enter a state from the one it is in."""
    return ProblemError(
        Category.CONFLICT,
        title="The session cannot do that now",
        detail=f"The session is {session['status']}; {to.value} cannot follow on that.",
        recovery=["Wait until the work under way has ended, or cancel it.", "Then try again."],
    )
