"""Chunks: received in any order, by any replica, any number of times.

A chunk is an object in the staging bucket, named by its content, and a row that says it is there. The row is
written after the object, so what the ledger lists is durable; no process remembers anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from services.upload.documents import CreateUpload, TusFile, UploadState
from services.upload.limits import Limits
from services.upload.quota import check_quota
from shared.database.pool import Database, Record, Transaction
from shared.problems import Category, ProblemError, not_found
from shared.storage.keys import UPLOAD_STAGING
from shared.storage.port import ObjectStore

_CREATE = """
insert into public.uploads
    (user_id, upload_id, file_name, file_type, size, total_chunks, sha256, expires_at, received, metadata, overrides)
values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9, $10, $11) on conflict do nothing
"""


# One statement sees the chunks as they were before it: the new one is among them only if it was there already.
_ENTER = """
with entered as (
    insert into public.upload_chunks (user_id, upload_id, chunk_index, size, sha256, key)
    values ($1, $2, $3, $4, $5, $6) on conflict do nothing
)
select max(sha256) filter (where chunk_index = $3) as known, coalesce(sum(size), 0)::bigint as bytes,
    coalesce(array_agg(chunk_index), '{}') as others
from public.upload_chunks where user_id = $1 and upload_id = $2
"""


async def find_upload(transaction: Transaction, user_id: UUID, upload_id: str) -> Record:
    """The caller's upload. Raises a 404 problem, for one whose time is over, too."""
    row = await transaction.fetch_row(
        "select * from public.uploads where user_id = $1 and upload_id = $2 and status <> 'expired'",
        user_id,
        upload_id,
    )
    if row is None:
        raise not_found("Upload", upload_id)
    return row


async def create_upload(
    transaction: Transaction, user_id: UUID, asked: CreateUpload | TusFile, limits: Limits, *, upload_id: str | None
) -> str:
    """Announce a file; with a client's own id, announcing it again is harmless. Returns the id. Runs as the service.

    Raises a problem for a file that is larger than any may be, or than its owner's quota has room for. How large one
    with a client's own id is shows only when its chunks come.
    """
    chosen = upload_id or uuid4().hex
    if isinstance(asked, TusFile):
        received, total_chunks, metadata = 0, None, asked.metadata
    else:
        limits.check_chunks(asked.file_name, asked.total_chunks)
        received, total_chunks, metadata = None, asked.total_chunks, None
    if upload_id is None:
        limits.check_size(asked.file_name, asked.size)
        await check_quota(transaction, user_id, asked.file_name, asked.size, limits.quota_bytes)
    await transaction.execute(
        _CREATE,
        user_id,
        chosen,
        asked.file_name,
        asked.file_type,
        asked.size if upload_id is None else None,
        total_chunks,
        asked.sha256.lower() if asked.sha256 else None,
        limits.expiry_seconds,
        received,
        metadata,
        asked.overrides.model_dump(mode="json"),
    )
    return chosen


def check_belongs(upload: Record, file_name: str, total_chunks: int) -> None:
    """Raises a 409 problem for a chunk of another file: an upload id belongs to exactly one."""
    if upload["total_chunks"] != total_chunks:
        changed = f"was begun with {upload['total_chunks'] or 'tus instead of'} chunks, this chunk says {total_chunks}"
    elif upload["file_name"] != file_name:
        changed = f"is of {upload['file_name']!r}, this chunk says {file_name!r}"
    else:
        return
    raise ProblemError(
        Category.CONFLICT,
        title="This chunk is of another file",
        detail=f"This upload {changed}.",
        recovery=["Send the chunks of one file under one uploadId.", "Start a new upload for another file."],
    )


async def receive_chunk(
    database: Database,
    store: ObjectStore,
    upload: Record,
    index: int,
    data: bytes,
    sha256: str,
    limits: Limits,
) -> list[int] | None:
    """Keep one chunk, known by its index and SHA-256. Raises a problem by name for a wrong size or content.

    The indices of all chunks that are there. None for one that was there already, and when the upload was completed,
    rejected or given up meanwhile: then nothing is kept.
    """
    _check_size(upload, index, len(data), limits)
    key = _staged_key(upload, index, sha256)
    await store.put(UPLOAD_STAGING, key, data)
    try:
        async with database.transaction() as transaction:
            entry = await _enter(transaction, upload, index, len(data), sha256, limits)
    except ProblemError as error:
        # Where the database gave no answer the chunk may be in the ledger: then it goes with the upload.
        if not error.retryable:
            await store.delete_many(UPLOAD_STAGING, [key])
        raise
    if entry.sha256 != sha256:
        await store.delete_many(UPLOAD_STAGING, [key])
    if entry.sha256 is not None and entry.sha256 != sha256:
        raise _other_content(upload, index, entry.sha256)
    return entry.received


async def check_same(transaction: Transaction, upload: Record, index: int, sha256: str) -> None:
    """Of a file that is whole: raises a 409 problem when this chunk of it had other content."""
    known = await transaction.fetch_value(
        "select sha256 from public.upload_chunks where user_id = $1 and upload_id = $2 and chunk_index = $3",
        upload["user_id"],
        upload["upload_id"],
        index,
    )
    if known not in (None, sha256):
        raise _other_content(upload, index, known)


def _other_content(upload: Record, index: int, known: str) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="This chunk is there already, with other content",
        detail=f"Chunk {index} of {upload['file_name']!r} was received with SHA-256 {known}.",
        recovery=["Send the same bytes for the same index.", "Or start a new upload."],
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the ledger has for an index, None when the upload takes no more; if it is new, also all indices."""

    sha256: str | None
    received: list[int] | None = None


async def _enter(
    transaction: Transaction, upload: Record, index: int, size: int, sha256: str, limits: Limits
) -> _Entry:
    """Write a stored chunk into the ledger.

    The upload's row is locked, so that chunks which arrive together are counted one after the other, and none is
    entered after the upload has ended.
    """
    status = await transaction.fetch_value(
        "select status from public.uploads where user_id = $1 and upload_id = $2 for no key update",
        upload["user_id"],
        upload["upload_id"],
    )
    if status is None:
        raise not_found("Upload", upload["upload_id"])
    if status not in ("open", "assembling"):
        return _Entry(None)
    ledger = await transaction.fetch_row(
        _ENTER,
        upload["user_id"],
        upload["upload_id"],
        index,
        size,
        sha256,
        _staged_key(upload, index, sha256),
    )
    assert ledger is not None
    if ledger["known"] is not None:
        return _Entry(ledger["known"])
    _check_size(upload, index, ledger["bytes"] + size, limits)
    if upload["size"] is None:
        await check_quota(transaction, upload["user_id"], upload["file_name"], 0, limits.quota_bytes)
    return _Entry(sha256, sorted([*ledger["others"], index]))


def _staged_key(upload: Record, index: int, sha256: str) -> str:
    """Server ids and numbers only: what the client calls the file is data, never a path."""
    return f"{upload['storage_id']}/{index:08d}-{sha256}"


async def state_of(transaction: Transaction, upload: Record) -> UploadState:
    """Which chunks are there, so that a client knows what is left to send."""
    if upload["status"] in ("completed", "consumed"):
        return state_with(upload, list(range(upload["total_chunks"] or 0)))
    rows = await transaction.fetch(
        "select chunk_index from public.upload_chunks where user_id = $1 and upload_id = $2 order by 1",
        upload["user_id"],
        upload["upload_id"],
    )
    return state_with(upload, [row["chunk_index"] for row in rows])


def state_with(upload: Record, received: list[int]) -> UploadState:
    """The same, when it is known already."""
    present, total = set(received), upload["total_chunks"]
    return UploadState(
        upload_id=upload["upload_id"],
        file_name=upload["file_name"],
        status="completed" if upload["status"] in ("completed", "consumed") else "chunk_received",
        received=received,
        missing=[index for index in range(total or 0) if index not in present],
        total_chunks=total,
    )


def _check_size(upload: Record, index: int, together: int, limits: Limits) -> None:
    """Raises a 413 problem for a chunk with which there are more bytes than announced, or than are taken at all."""
    limit = limits.file_bytes if upload["size"] is None else min(limits.file_bytes, upload["size"])
    if together > limit:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The file is too large",
            detail=f"With chunk {index} {upload['file_name']!r} has {together} bytes; {limit} are the limit.",
            recovery=["Announce the file's real size.", "Split a file that is larger than the limit."],
            status=413,
        )
