"""From all chunks to one verified, analysed file.

Whoever finds the upload whole tries to assemble it; one conditional update decides who does. If that process dies,
its turn lapses and the next request or sweep takes it up again: every step overwrites what a lost one left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

from services.upload.chunks import find_upload
from services.upload.reading import FileReader
from services.upload.telling import FileShares
from shared.database.pool import Database, Record
from shared.delivery import outbox
from shared.events.payloads import FileRejected, Reference
from shared.problems import Category, Problem, ProblemError, problem_of
from shared.shares import TellShare
from shared.storage.keys import TRAINING_FILES, UPLOAD_STAGING
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

_TURN_SECONDS = 15.0
_TAKE_TURN = """
update public.uploads u set status = 'assembling', turn = $4, turn_until = now() + make_interval(secs => $3)
where user_id = $1 and upload_id = $2
  and (status = 'open' or (status = 'assembling' and turn_until < now()))
  and total_chunks = (
      select count(*) from public.upload_chunks c where c.user_id = u.user_id and c.upload_id = u.upload_id)
returning true
"""
_OUR_TURN = "user_id = $1 and upload_id = $2 and turn = $3 and status = 'assembling'"
_WAIT_SECONDS = 60.0


async def complete_if_whole(database: Database, reader: FileReader, upload: Record) -> Record:
    """Assemble and analyse when every chunk is there; the upload's row as it is afterwards.

    When another process is at it, wait for that one, and take over when it is lost. Raises the problem of a file
    that was rejected.
    """
    user_id, upload_id = upload["user_id"], upload["upload_id"]
    deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
    while True:
        turn = uuid4()
        async with database.transaction() as transaction:
            ours = await transaction.fetch_value(_TAKE_TURN, user_id, upload_id, _TURN_SECONDS, turn)
        if ours:
            await _assemble(database, reader, upload, turn)
        async with database.transaction() as transaction:
            now = await find_upload(transaction, user_id, upload_id)
        if now["status"] == "rejected":
            raise ProblemError.of(Problem.model_validate(now["problem"]))
        if now["status"] != "assembling" or asyncio.get_running_loop().time() > deadline:
            return now
        await asyncio.sleep(0.2)


async def _assemble(database: Database, reader: FileReader, upload: Record, turn: UUID) -> None:
    store = reader.store
    keeping = asyncio.create_task(_keep_turn(database, upload, turn))
    try:
        async with reader.told.of_upload(upload["user_id"], upload["upload_id"], upload["file_name"]) as tell:
            outcome = await _build(database, reader, upload, tell)
    except ProblemError as error:
        if error.retryable:
            await _give_turn_back(database, upload, turn)
            raise
        await _reject(database, store, upload, turn, problem_of(error, current_trace_id()))
        return
    except BaseException:
        await asyncio.shield(_give_turn_back(database, upload, turn))
        raise
    finally:
        keeping.cancel()
    async with database.transaction() as transaction:
        completed = await transaction.execute(
            f"""update public.uploads set status = 'completed', turn = null, turn_until = null, raw = $4,
                canonical = $5, analysis = $6 where {_OUR_TURN}""",
            upload["user_id"],
            upload["upload_id"],
            turn,
            *outcome,
        )
    if completed:
        await remove_staging(database, store, upload)
        log.info("file assembled", upload_id=upload["upload_id"], file_bytes=outcome[0]["bytes"])


async def _keep_turn(database: Database, upload: Record, turn: UUID) -> None:
    """Renew the turn while the file is being read; a process that is lost loses it within seconds."""
    while True:
        await asyncio.sleep(_TURN_SECONDS / 4)
        try:
            async with database.transaction() as transaction:
                await transaction.execute(
                    f"update public.uploads set turn_until = now() + make_interval(secs => $4) where {_OUR_TURN}",
                    upload["user_id"],
                    upload["upload_id"],
                    turn,
                    _TURN_SECONDS,
                )
        except ProblemError as error:
            log.warning("turn not renewed", upload_id=upload["upload_id"], error=str(error))


async def remove_staging(database: Database, store: ObjectStore, upload: Record) -> None:
    """Remove the chunks of a file that needs them no more, and note that it is done."""
    await store.delete_prefix(UPLOAD_STAGING, f"{upload['storage_id']}/")
    async with database.transaction() as transaction:
        await transaction.execute(
            "update public.uploads set staged = false where user_id = $1 and upload_id = $2",
            upload["user_id"],
            upload["upload_id"],
        )


async def _build(
    database: Database, reader: FileReader, upload: Record, tell: FileShares
) -> tuple[dict[str, Any], ...]:
    """Raw object, canonical Parquet and analysis; their references as stored."""
    async with database.transaction() as transaction:
        chunks = await transaction.fetch(
            """select key, sha256, size from public.upload_chunks
               where user_id = $1 and upload_id = $2 order by chunk_index""",
            upload["user_id"],
            upload["upload_id"],
        )
    folder = f"{upload['user_id']}/{upload['storage_id']}"
    stream = _joined(reader.store, chunks, tell.upload)
    stored = await reader.store.put(TRAINING_FILES, f"{folder}/raw.csv", stream, content_type="text/csv")
    raw = stored.reference
    _verify_whole(upload, raw)
    canonical, analysis = await reader.read(
        raw,
        file_name=upload["file_name"],
        overrides=upload["overrides"],
        canonical_key=f"{folder}/canonical.parquet",
        tell=tell.analysis,
    )
    return raw.model_dump(mode="json"), canonical.model_dump(mode="json"), analysis


async def _joined(store: ObjectStore, chunks: list[Record], tell: TellShare) -> AsyncIterator[bytes]:
    size, copied = sum(chunk["size"] for chunk in chunks), 0
    tell(0.0)
    for chunk in chunks:
        async for part in store.get(UPLOAD_STAGING, chunk["key"], expected_sha256=chunk["sha256"]):
            yield part
            copied += len(part)
            tell(copied / max(size, 1))
    tell(1.0)


def _verify_whole(upload: Record, raw: Reference) -> None:
    if upload["size"] is not None and raw.bytes != upload["size"]:
        fault = f"has {raw.bytes} bytes, announced were {upload['size']}"
    elif upload["sha256"] is not None and raw.sha256 != upload["sha256"]:
        fault = f"has SHA-256 {raw.sha256}, announced was {upload['sha256']}"
    else:
        return
    raise ProblemError(
        Category.DATA_VALIDATION,
        title="The file arrived changed",
        detail=f"{upload['file_name']!r} {fault}.",
        recovery=["Check that the file did not change while it was sent.", "Upload it again."],
    )


async def _reject(database: Database, store: ObjectStore, upload: Record, turn: UUID, problem: Problem) -> None:
    async with database.transaction() as transaction:
        rejected = await transaction.execute(
            f"""update public.uploads set status = 'rejected', turn = null, turn_until = null, problem = $4
                where {_OUR_TURN}""",
            upload["user_id"],
            upload["upload_id"],
            turn,
            problem.model_dump(mode="json"),
        )
        if rejected:
            await outbox.record(
                transaction,
                FileRejected(upload_id=upload["upload_id"], file_name=upload["file_name"], problem=problem),
                source="upload",
                session_id=upload["upload_id"],
                user_id=upload["user_id"],
            )
    if rejected:
        await remove_bytes(store, upload)


async def remove_bytes(store: ObjectStore, upload: Record) -> None:
    """Remove everything that this upload put into the store."""
    await store.delete_prefix(UPLOAD_STAGING, f"{upload['storage_id']}/")
    await store.delete_prefix(TRAINING_FILES, f"{upload['user_id']}/{upload['storage_id']}/")


async def _give_turn_back(database: Database, upload: Record, turn: UUID) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            f"update public.uploads set status = 'open', turn = null, turn_until = null where {_OUR_TURN}",
            upload["user_id"],
            upload["upload_id"],
            turn,
        )
