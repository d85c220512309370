"""What the trainer does when a message says so."""

from __future__ import annotations

from uuid import UUID

from services.trainer.runs import cancel, start_run
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.envelope import Envelope
from shared.events.payloads import DatasetsGenerated, TrainingCancel, TrainingFailed, TrainingStart
from shared.jobs import lease
from shared.problems import Category, Problem, ProblemError, problem_of
from shared.sessions.rows import move, own_session
from shared.sessions.state import SessionStatus
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)


async def on_training_start(transaction: Transaction, envelope: Envelope, command: TrainingStart) -> None:
    """Start a run on behalf of the user whom the sender verified; what cannot start is told, not retried."""
    await _start(
        transaction,
        UUID(envelope.userid),
        command.session_id,
        command.models,
        time_limit_seconds=command.time_limit_seconds,
    )


async def on_datasets_generated(transaction: Transaction, envelope: Envelope, event: DatasetsGenerated) -> None:
    """Sessions that asked for it train as soon as their datasets are there."""
    if event.run_after:
        await _start(transaction, UUID(envelope.userid), event.session_id, None, promised=True)


async def on_training_cancel(transaction: Transaction, envelope: Envelope, command: TrainingCancel) -> None:
    """Cancel on behalf of the user whom the sender verified; cancelling nothing is no error here."""
    user_id = UUID(envelope.userid)
    session = await _session(transaction, user_id, command.session_id)
    if session is None:
        return
    try:
        await cancel(transaction, user_id, session)
    except ProblemError as error:
        if error.problem.category is not Category.CONFLICT:
            raise


async def _start(
    transaction: Transaction,
    user_id: UUID,
    session_id: str,
    models: list[dict[str, object]] | None,
    *,
    time_limit_seconds: float | None = None,
    promised: bool = False,
) -> None:
    session = await _session(transaction, user_id, session_id)
    if session is None:
        return
    try:
        await start_run(transaction, user_id, session, models, time_limit_seconds=time_limit_seconds)
    except ProblemError as error:
        if error.retryable:
            raise
        await _tell_refusal(transaction, user_id, session, problem_of(error, current_trace_id()), promised=promised)


async def _tell_refusal(
    transaction: Transaction, user_id: UUID, session: Record, problem: Problem, *, promised: bool
) -> None:
    if problem.category is Category.CONFLICT:
        # A run is under way, or the session is busy: nothing to end, and nothing new to tell. Unless it was configured
        # anew before its promised run could begin: whoever waits for that run must learn that none comes.
        is_news = promised and session["status"] == SessionStatus.CONFIGURED
    else:
        is_news = await move(transaction, session["session_id"], SessionStatus.FAILED, problem=problem)
    if not is_news:
        log.info("run not started", session_id=session["session_id"], problem=problem.detail)
        return
    await outbox.record(
        transaction,
        TrainingFailed(session_id=session["session_id"], run_id=None, problem=problem),
        source="trainer",
        session_id=session["session_id"],
        user_id=user_id,
    )


async def _session(transaction: Transaction, user_id: UUID, session_id: str) -> Record | None:
    try:
        return await own_session(transaction, user_id, session_id)
    except ProblemError as error:
        log.info("command for a session that is not there", session_id=session_id, problem=error.problem.title)
        return None


async def on_session_deleted(database: Database, store: ObjectStore, session_id: str) -> None:
    """Remove a deleted session's models: objects first, then rows; its keys, too."""
    async with database.transaction() as transaction:
        if await lease.somebody_still_writes(transaction, "training_jobs", session_id):
            raise lease.StillRunning(session_id)
    await store.delete_prefix(ML_ARTIFACTS, f"models/{session_id}/")
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.training_runs where session_id = $1", session_id)
        await transaction.execute("delete from public.api_keys where session_id = $1", session_id)
