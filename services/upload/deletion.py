"""Deleting sessions: hidden at once, removed by every service, and said to be gone when nothing is left."""

from __future__ import annotations

from uuid import UUID

from services.upload.documents import DeletionDocument, Remaining
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import SessionDeleted, SessionPurged
from shared.jobs import lease
from shared.problems import ProblemError, not_found
from shared.sessions.rows import move, own_session
from shared.sessions.state import SessionStatus
from shared.storage.keys import ML_ARTIFACTS, TRAINING_RESULTS, UPLOAD_STAGING
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_BATCH = 100
_REMAINING = """
select (select count(*) from public.training_files where session_id = $1) as files,
    (select count(*) from public.training_datasets where session_id = $1) as datasets,
    (select count(*) from public.training_jobs where session_id = $1 and search_of is null) as models,
    (select count(*) from public.training_results where session_id = $1) as results,
    (select count(*) from public.training_visualizations where session_id = $1) as plots
"""
_LEFT_BY_THE_OTHERS = """
select s.session_id, s.user_id from public.training_sessions s where s.status = 'deleting'
    and not exists (select from public.training_datasets where session_id = s.session_id)
    and not exists (select from public.training_runs where session_id = s.session_id)
    and not exists (select from public.training_results where session_id = s.session_id)
    and not exists (select from public.training_visualizations where session_id = s.session_id)
limit $1
"""
_FILES = """
select f.raw ->> 'bucket' as bucket, f.storage_path, u.upload_id, u.storage_id
from public.training_files f left join public.uploads u on u.user_id = f.user_id and u.raw ->> 'key' = f.storage_path
where f.session_id = $1
"""


async def begin_deletion(transaction: Transaction, user_id: UUID, session_id: str) -> None:
    """Hide the session, fence its jobs, and tell every service to remove what it holds. Runs as the service."""
    session = await own_session(transaction, user_id, session_id)
    if not await move(transaction, session_id, SessionStatus.DELETING):
        return
    await lease.cancel_all(transaction, "training_jobs", session_id)
    await lease.cancel_all(transaction, "training_datasets", session_id)
    await transaction.execute(
        "insert into public.session_deletions (session_id, user_id, name) values ($1, $2, $3)",
        session_id,
        user_id,
        session["name"],
    )
    await outbox.record(
        transaction,
        SessionDeleted(session_id=session_id),
        source="upload",
        session_id=session_id,
        user_id=user_id,
    )


async def begin_all_deletions(database: Database, user_id: UUID) -> list[str]:
    """Begin with every session of this user, one transaction each; their ids, oldest first.

    Interrupted, it can be asked again: what was begun goes on.
    """
    begun: list[str] = []
    while True:
        async with database.transaction(user_id) as transaction:
            rows = await transaction.fetch(
                """select session_id from public.training_sessions
                   where user_id = $1 and status <> 'deleting' order by created_at, session_id limit $2""",
                user_id,
                _BATCH,
            )
        for row in rows:
            async with database.transaction() as transaction:
                try:
                    await begin_deletion(transaction, user_id, row["session_id"])
                except ProblemError as error:
                    if error.retryable:
                        raise
                    # Deleted by somebody else of the same user meanwhile.
                    continue
            begun.append(row["session_id"])
        if len(rows) < _BATCH:
            return begun


async def deletion_of(transaction: Transaction, user_id: UUID, session_id: str) -> DeletionDocument:
    """How far it is. Raises a 404 problem for a session that was not deleted, or long ago, or is not the caller's."""
    row = await transaction.fetch_row(
        "select * from public.session_deletions where session_id = $1 and user_id = $2", session_id, user_id
    )
    if row is None:
        raise not_found("Deletion of session", session_id)
    left = await transaction.fetch_row(_REMAINING, session_id)
    return DeletionDocument(
        session_id=session_id,
        name=row["name"],
        status="deleting" if row["completed_at"] is None else "deleted",
        requested_at=row["requested_at"],
        completed_at=row["completed_at"],
        remaining=Remaining(**dict(left or {})),
    )


async def finish_deletions(database: Database, store: ObjectStore) -> None:
    """Once the other services have removed their part: the files, whatever else is found, the row, and the word."""
    async with database.transaction() as transaction:
        leaving = await transaction.fetch(_LEFT_BY_THE_OTHERS, _BATCH)
    for session in leaving:
        async with database.transaction() as transaction:
            files = await transaction.fetch(_FILES, session["session_id"])
        await _remove_objects(store, session["session_id"], files)
        async with database.transaction() as transaction:
            await _forget(transaction, session, files)
        log.info("session deleted", session_id=session["session_id"])


async def _remove_objects(store: ObjectStore, session_id: str, files: list[Record]) -> None:
    for file in files:
        await store.delete_prefix(file["bucket"], file["storage_path"].rpartition("/")[0] + "/")
        if file["storage_id"] is not None:
            await store.delete_prefix(UPLOAD_STAGING, f"{file['storage_id']}/")
    # The other services have done this; a writer that was cut off in between must not leave anything either.
    for bucket, folder in ((TRAINING_RESULTS, f"{session_id}/"), (ML_ARTIFACTS, f"models/{session_id}/")):
        if found := await store.delete_prefix(bucket, folder):
            log.warning("objects of a deleted session found", session_id=session_id, bucket=bucket, count=found)


async def _forget(transaction: Transaction, session: Record, files: list[Record]) -> None:
    session_id, user_id = session["session_id"], session["user_id"]
    await transaction.execute(
        "delete from public.uploads where user_id = $1 and upload_id = any($2::text[])",
        user_id,
        [file["upload_id"] for file in files if file["upload_id"] is not None],
    )
    await transaction.execute("delete from public.forecast_jobs where session_id = $1", session_id)
    if not await transaction.execute(
        "delete from public.training_sessions where session_id = $1 and status = 'deleting'", session_id
    ):
        return
    await transaction.execute(
        "update public.session_deletions set completed_at = now() where session_id = $1", session_id
    )
    await outbox.record(
        transaction,
        SessionPurged(session_id=session_id),
        source="upload",
        session_id=session_id,
        user_id=user_id,
    )
