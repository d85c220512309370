"""The bytes of a tus upload: taken as they come, kept part by part, continued by whoever asks last.

A part is an object in the staging bucket and a row, as a chunk is, and when the last byte is there the upload is as
whole as one in chunks. The offset moves with the row, in one transaction under the upload's lock and only for the
request whose turn it is. A request that continues takes the turn, so a connection that hangs somewhere cannot write
any more, and of two requests at one offset one wins. What a killed process wrote without a row goes with the upload.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.upload.chunks import find_upload
from services.upload.housekeeping import remove_upload
from services.upload.tus.body import Body
from services.upload.tus.headers import Checksum
from shared.database.pool import Database, Record, Transaction
from shared.problems import Category, ProblemError, not_found
from shared.storage.blocks import blocks
from shared.storage.keys import UPLOAD_STAGING
from shared.storage.port import ObjectStore, StoredObject

PART_BYTES = 4 * 1024 * 1024
"""A process that is killed loses less than this of each body that it was receiving; a request holds a few of them."""

MOST_PARTS = 100_000

_TAKE_TURN = """
update public.uploads set turn = $4
where user_id = $1 and upload_id = $2 and received = $3 and status = 'open' and expires_at > now()
returning *
"""
_ADVANCE = """
update public.uploads set received = received + $4
where user_id = $1 and upload_id = $2 and turn = $3 and status = 'open' and expires_at > now()
returning received
"""
_NEXT_INDEX = """
select coalesce(max(chunk_index) + 1, 0) from public.upload_chunks where user_id = $1 and upload_id = $2
"""
_ADD_PART = """
insert into public.upload_chunks (user_id, upload_id, chunk_index, size, sha256, key) values ($1, $2, $3, $4, $5, $6)
"""


async def find_tus_upload(transaction: Transaction, user_id: UUID, upload_id: str) -> Record:
    """The caller's upload. Raises a 404 problem, or 410 for one whose bytes are gone: expired, or no CSV file."""
    upload = await find_upload(transaction, user_id, upload_id)
    if upload["received"] is None:
        raise not_found("Upload", upload_id)
    if upload["status"] in ("expired", "rejected") or upload["expires_at"] <= datetime.now(UTC):
        raise ProblemError(
            Category.NOT_FOUND,
            title="This upload is gone",
            detail=f"Upload {upload_id!r} ({upload['file_name']}) has expired or was rejected; its bytes are removed.",
            recovery=["Upload the file again."],
            status=410,
        )
    return upload


async def take_turn(database: Database, user_id: UUID, upload_id: str, offset: int) -> Record:
    """The upload, on which nobody but this caller can write from here on. Raises 404, 410, and 409 problems.

    An upload that is whole already has no turn to take; nothing can be added to it anyway.
    """
    async with database.transaction(user_id) as transaction:
        upload = await find_tus_upload(transaction, user_id, upload_id)
        async with transaction.as_service():
            taken = await transaction.fetch_row(_TAKE_TURN, user_id, upload_id, offset, uuid4())
        if taken is None:
            upload = await find_tus_upload(transaction, user_id, upload_id)
    if taken is None and (upload["received"] != offset or upload["status"] == "open"):
        raise ProblemError(
            Category.CONFLICT,
            title="The upload is at another offset",
            detail=f"Upload {upload_id!r} has {upload['received']} bytes; this request continues at {offset}.",
            recovery=["Ask for the offset with HEAD and continue there."],
        )
    return taken or upload


async def receive(database: Database, store: ObjectStore, upload: Record, body: Body, checksum: Checksum | None) -> int:
    """Keep what arrives, up to where the client stops; the new offset. ``upload`` as ``take_turn`` gave it.

    With a checksum it is all or nothing. Raises problems: 413 for more bytes than were announced, 460 for a checksum
    that does not match, 408 for a body with a checksum that was broken off, 423 when another request continued.
    """
    offset: int = upload["received"]
    arrived = offset
    digest = checksum.begin() if checksum else None
    staged: list[StoredObject] = []
    async with aclosing(blocks(body, PART_BYTES)) as source:
        async for block in source:
            if arrived + len(block) > upload["size"]:
                await _discard(store, staged)
                raise too_many_bytes(upload, arrived + len(block))
            staged.append(await _stage(store, upload, arrived, block))
            arrived += len(block)
            if digest is None:
                offset = await _keep(database, store, upload, staged)
                staged = []
            else:
                await asyncio.to_thread(digest.update, block)
    if upload["size"] == 0:
        staged = [await _stage(store, upload, 0, b"")]
    if checksum and digest and (body.broken_off or digest.digest() != checksum.expected):
        await _discard(store, staged)
        raise broken_off() if body.broken_off else _changed(checksum)
    return await _keep(database, store, upload, staged) if staged else offset


async def terminate(database: Database, store: ObjectStore, user_id: UUID, upload_id: str) -> None:
    """Remove an upload and its bytes. Raises 404 and 410; 423 while it is read; 409 once it is part of a session."""
    async with database.transaction(user_id) as transaction:
        upload = await find_tus_upload(transaction, user_id, upload_id)
        async with transaction.as_service():
            marked = await transaction.execute(
                """update public.uploads set status = 'expired', turn = null
                   where user_id = $1 and upload_id = $2 and status in ('open', 'completed')""",
                user_id,
                upload_id,
            )
    if marked:
        await remove_upload(database, store, upload)
    elif upload["status"] == "consumed":
        raise ProblemError(
            Category.CONFLICT,
            title="This upload is in a session",
            detail=f"Upload {upload_id!r} ({upload['file_name']}) belongs to a session, which has its bytes.",
            recovery=["Delete the session."],
        )
    else:
        raise _locked(upload)


def too_many_bytes(upload: Record, count: int) -> ProblemError:
    """A 413 problem: with this request the file would have ``count`` bytes, or more."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="These are more bytes than were announced",
        detail=f"{upload['file_name']!r} was announced with {upload['size']} bytes; this request brings {count}.",
        recovery=["Announce the file's real size in Upload-Length."],
        status=413,
    )


async def _stage(store: ObjectStore, upload: Record, start: int, block: bytes) -> StoredObject:
    key = f"{upload['storage_id']}/{start:015d}-{upload['turn'].hex}"
    return await store.put(UPLOAD_STAGING, key, block)


async def _keep(database: Database, store: ObjectStore, upload: Record, parts: list[StoredObject]) -> int:
    """Write down what is staged and move the offset; the new one. Raises 404, 410, 423 and 413 problems."""
    user_id, upload_id = upload["user_id"], upload["upload_id"]
    async with database.transaction() as transaction:
        received: int | None = await transaction.fetch_value(
            _ADVANCE, user_id, upload_id, upload["turn"], sum(part.size for part in parts)
        )
        if received is not None:
            first: int = await transaction.fetch_value(_NEXT_INDEX, user_id, upload_id)
            if first + len(parts) > MOST_PARTS:
                raise _too_many_parts(upload)
            await transaction.execute_many(
                _ADD_PART,
                [
                    (user_id, upload_id, index, part.size, part.sha256, part.key)
                    for index, part in enumerate(parts, start=first)
                ],
            )
            if received == upload["size"]:
                await transaction.execute(
                    "update public.uploads set total_chunks = $3 where user_id = $1 and upload_id = $2",
                    user_id,
                    upload_id,
                    first + len(parts),
                )
            return received
    # Only here it is certain that no row names them. The keys are this request's own: nobody else's part is hit.
    await _discard(store, parts)
    async with database.transaction(user_id) as transaction:
        raise _locked(await find_tus_upload(transaction, user_id, upload_id))


async def _discard(store: ObjectStore, staged: list[StoredObject]) -> None:
    await store.delete_many(UPLOAD_STAGING, [part.key for part in staged])


def _too_many_parts(upload: Record) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The file comes in too many small parts",
        detail=f"{upload['file_name']!r} has come in {MOST_PARTS} requests, and is not whole.",
        recovery=["Start a new upload and send at least 64 kB with each request."],
        status=413,
    )


def broken_off() -> ProblemError:
    """A 408 problem: only a whole body could have been kept."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The body was broken off",
        detail="The connection ended, or nothing came any more, before the body was whole; nothing of it was kept.",
        recovery=["Send the same bytes again."],
        status=408,
    )


def _changed(checksum: Checksum) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The checksum is wrong",
        detail=f"The body does not have the {checksum.algorithm} that Upload-Checksum says; nothing of it was kept.",
        recovery=["Send the same bytes again."],
        status=460,
    )


def _locked(upload: Record) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="Another request is at this upload",
        detail=f"Upload {upload['upload_id']!r} ({upload['file_name']}) is being continued or read by another request.",
        recovery=["Ask for the offset with HEAD and continue there, or wait until the file was read."],
        status=423,
        headers={"Retry-After": "1"},
    )
