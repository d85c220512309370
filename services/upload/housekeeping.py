"""What the upload service cleans up: expired uploads, deleted sessions, old message records."""

from __future__ import annotations

from datetime import timedelta

from services.upload.assembly import complete_if_whole, remove_bytes, remove_staging
from shared.database.pool import Database, Record, Transaction
from shared.problems import ProblemError
from shared.storage.keys import TRAINING_FILES, UPLOAD_STAGING
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_UNFINISHED_FOR = timedelta(days=1)
_CLAIM_EXPIRED = """
update public.uploads u set status = 'expired'
where expires_at < now() and status in ('open', 'completed', 'rejected') and not exists (
    select from public.upload_chunks c where c.user_id = u.user_id and c.upload_id = u.upload_id
        and c.received_at > now() - (u.expires_at - u.created_at))
"""
_LEFT_OVER = """
select true where exists (select from public.training_datasets where session_id = $1)
    or exists (select from public.training_runs where session_id = $1)
    or exists (select from public.training_results where session_id = $1)
    or exists (select from public.training_visualizations where session_id = $1)
"""


async def expire_uploads(database: Database, store: ObjectStore) -> None:
    """Remove uploads past their time that no session took: claimed first, then bytes, then rows.

    One whose chunks still come is left alone: its time is counted from the last of them.
    """
    async with database.transaction() as transaction:
        await transaction.execute(_CLAIM_EXPIRED)
        expired = await transaction.fetch("select * from public.uploads where status = 'expired' limit 100")
    for upload in expired:
        await remove_upload(database, store, upload)


async def remove_upload(database: Database, store: ObjectStore, upload: Record) -> None:
    """Remove an upload that was marked expired: bytes, then row. Cut short, the sweep takes it up again."""
    await remove_bytes(store, upload)
    async with database.transaction() as transaction:
        await transaction.execute(
            "delete from public.uploads where user_id = $1 and upload_id = $2 and status = 'expired'",
            upload["user_id"],
            upload["upload_id"],
        )
    log.info("upload removed", upload_id=upload["upload_id"])


async def clear_staging(database: Database, store: ObjectStore) -> None:
    """Remove the chunks that a lost process left behind after its file was whole."""
    async with database.transaction() as transaction:
        left = await transaction.fetch(
            "select * from public.uploads where staged and status in ('completed', 'consumed', 'rejected') limit 100"
        )
    for upload in left:
        await remove_staging(database, store, upload)


async def sweep_staging(database: Database, store: ObjectStore) -> None:
    """Remove what was staged too late for an upload that was whole or removed, or by a process that was killed then.

    An upload's row is there before its first part; so what is listed before the rows are read, and has none, is lost.
    """
    found = {part.key.partition("/")[0] async for part in store.list(UPLOAD_STAGING)}
    async with database.transaction() as transaction:
        rows = await transaction.fetch("select storage_id from public.uploads where staged")
    for lost in sorted(found - {str(row["storage_id"]) for row in rows}):
        count = await store.delete_prefix(UPLOAD_STAGING, f"{lost}/")
        log.info("lost parts removed", count=count)


async def resume_assemblies(database: Database, store: ObjectStore) -> None:
    """Take up files whose assembling process was lost."""
    async with database.transaction() as transaction:
        lapsed = await transaction.fetch(
            "select * from public.uploads where status = 'assembling' and turn_until < now() limit 10"
        )
    for upload in lapsed:
        try:
            await complete_if_whole(database, store, upload)
        except ProblemError as error:
            # A rejection is written down with the upload; its owner reads it there.
            log.info("resumed upload rejected", upload_id=upload["upload_id"], problem=error.problem.title)


async def finish_deletions(database: Database, store: ObjectStore) -> None:
    """Once the other services have removed their part of a deleted session: its files, then its row."""
    async with database.transaction() as transaction:
        leaving = await transaction.fetch(
            "select session_id, user_id from public.training_sessions where status = 'deleting' limit 100"
        )
    for session in leaving:
        async with database.transaction() as transaction:
            if await transaction.fetch_value(_LEFT_OVER, session["session_id"]):
                continue
            folders = await transaction.fetch(
                "select storage_path from public.training_files where session_id = $1", session["session_id"]
            )
        for row in folders:
            await store.delete_prefix(TRAINING_FILES, row["storage_path"].rpartition("/")[0] + "/")
        async with database.transaction() as transaction:
            await _forget(transaction, session["session_id"])
        log.info("session deleted", session_id=session["session_id"])


async def _forget(transaction: Transaction, session_id: str) -> None:
    await transaction.execute(
        """delete from public.uploads u using public.training_files f
           where f.session_id = $1 and u.user_id = f.user_id and u.raw ->> 'key' = f.storage_path""",
        session_id,
    )
    await transaction.execute(
        "delete from public.training_sessions where session_id = $1 and status = 'deleting'", session_id
    )


async def sweep_store(store: ObjectStore) -> None:
    """Remove what writers that were killed left unfinished in the store."""
    removed = await store.sweep(_UNFINISHED_FOR)
    if removed:
        log.info("unfinished objects removed", count=removed)


async def forget_old_messages(database: Database) -> None:
    """Sent outbox rows are kept a day, inbox entries and idempotency keys a month."""
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.outbox where sent_at < now() - interval '1 day'")
        await transaction.execute("delete from public.inbox where handled_at < now() - interval '30 days'")
        await transaction.execute("delete from public.idempotency_keys where created_at < now() - interval '30 days'")
