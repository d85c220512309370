"""What a user has under way and stores: uploads that no session has taken yet, and the bytes of everything."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.upload.chunks import find_upload
from services.upload.documents import PendingUpload, UsageDocument
from shared.database.pool import Transaction
from shared.problems import Category, ProblemError
from shared.web.documents import Page, decode_cursor, encode_cursor

_LIST = "uploads"


async def list_uploads(
    transaction: Transaction, user_id: UUID, *, limit: int, cursor: str | None
) -> Page[PendingUpload]:
    """The caller's uploads without a session, newest first."""
    before = decode_cursor(cursor, _LIST, datetime) if cursor else None
    rows = await transaction.fetch(
        """select u.*, (select coalesce(sum(c.size), 0)::bigint from public.upload_chunks c
                        where c.user_id = u.user_id and c.upload_id = u.upload_id) as received_bytes
           from public.uploads u
           where user_id = $1 and status in ('open', 'assembling', 'completed', 'rejected')
             and ($2::timestamptz is null or (created_at, upload_id) < ($2, $3))
           order by created_at desc, upload_id desc limit $4""",
        user_id,
        before[0] if before else None,
        before[1] if before else "",
        limit + 1,
    )
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return Page[PendingUpload](
        items=[PendingUpload(**{name: row[name] for name in PendingUpload.model_fields}) for row in shown],
        next_cursor=encode_cursor(_LIST, last["created_at"], last["upload_id"]) if last else None,
    )


async def give_up(transaction: Transaction, user_id: UUID, upload_id: str) -> None:
    """Mark an upload as expired: its bytes go with the next sweep. Runs as the service.

    Raises a 404 problem for one that is not the caller's, and a 409 for one that is in a session or at work.
    """
    upload = await find_upload(transaction, user_id, upload_id)
    if not await transaction.execute(
        """update public.uploads set status = 'expired' where user_id = $1 and upload_id = $2
           and status in ('open', 'completed', 'rejected')""",
        user_id,
        upload_id,
    ):
        raise ProblemError(
            Category.CONFLICT,
            title="This upload cannot be given up",
            detail=f"Upload {upload_id!r} ({upload['file_name']}) is being read, or belongs to a session.",
            recovery=["Wait until it is completed.", "Delete the session that it belongs to."],
        )


async def usage_of(transaction: Transaction, user_id: UUID, quota: int) -> UsageDocument:
    """What the user stores now. Runs as the service."""
    used: int = await transaction.fetch_value("select foretide.storage_used($1)", user_id)
    return UsageDocument(storage_used_bytes=used, storage_quota_bytes=quota)
