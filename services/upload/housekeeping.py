"""What the upload service cleans up: expired uploads and old records. Deleted sessions have a module of their own."""

from __future__ import annotations

from datetime import timedelta

from services.upload.assembly import complete_if_whole, remove_bytes, remove_staging
from services.upload.reading import FileReader
from shared.database.pool import Database, Record
from shared.problems import ProblemError
from shared.storage.keys import UPLOAD_STAGING
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


async def resume_assemblies(database: Database, reader: FileReader) -> None:
    """Take up files whose assembling process was lost."""
    async with database.transaction() as transaction:
        lapsed = await transaction.fetch(
            "select * from public.uploads where status = 'assembling' and turn_until < now() limit 10"
        )
    for upload in lapsed:
        try:
            await complete_if_whole(database, reader, upload)
        except ProblemError as error:
            # A rejection is written down with the upload; its owner reads it there.
            log.info("resumed upload rejected", upload_id=upload["upload_id"], problem=error.problem.title)


async def sweep_store(store: ObjectStore) -> None:
    """Remove what writers that were killed left unfinished in the store."""
    removed = await store.sweep(_UNFINISHED_FOR)
    if removed:
        log.info("unfinished objects removed", count=removed)


async def forget_old_messages(database: Database) -> None:
    """Sent outbox rows and idempotency keys are kept a day, inbox entries and deletions' ends a month."""
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.outbox where sent_at < now() - interval '1 day'")
        await transaction.execute("delete from public.inbox where handled_at < now() - interval '30 days'")
        await transaction.execute("delete from public.idempotency_keys where created_at < now() - interval '1 day'")
        await transaction.execute(
            "delete from public.session_deletions where completed_at < now() - interval '30 days'"
        )
        await transaction.execute("delete from foretide.budgets where full_at < now()")
