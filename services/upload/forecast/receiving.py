"""Receiving a forecast job's file: a row that reserves its place, the bytes, the analysis; all of it or nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

from services.upload.forecast.documents import ForecastUploaded
from services.upload.forecast.file_part import FilePart
from services.upload.limits import Limits
from services.upload.quota import check_quota
from services.upload.reading import FileReader
from shared.database.pool import Database, Record
from shared.delivery import outbox
from shared.events.payloads import FileRejected, Reference
from shared.problems import Category, ProblemError, not_found, problem_of
from shared.shares import TellShare
from shared.storage.keys import FORECAST_UPLOADS
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id
from shared.web.idempotency import OnceReceived

log = logger(__name__)

_RESERVE = """
insert into public.forecast_jobs (id, user_id, file_name, input_file_path, announced_bytes, expires_at)
values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
"""
_KEEP = """
update public.forecast_jobs set raw = $2, canonical = $3, analysis = $4, columns = $5, time_candidates = $6,
    preview = $7
where id = $1 and not removing
"""
_CLAIM_EXPIRED = """
update public.forecast_jobs set removing = true
where status = 'pending' and session_id is null and not removing and expires_at < now()
"""
_CLAIM = "update public.forecast_jobs set removing = true where id = $1 and session_id is null"


async def receive_file(
    database: Database,
    reader: FileReader,
    user_id: UUID,
    part: FilePart,
    announced_bytes: int,
    limits: Limits,
    once: OnceReceived,
) -> ForecastUploaded:
    """Keep the file under a new job; the job as it waits to be started, or the one that this request got before.

    Raises problems: 413 for a file that is too large or does not fit any more, DATA_VALIDATION for no CSV file, 408
    for one that broke off. Then nothing is left of it.
    """
    file_name = await part.begin()
    job_id = uuid4()
    folder = job_folder(user_id, job_id)
    async with database.transaction() as transaction:
        await check_quota(transaction, user_id, file_name, announced_bytes, limits.quota_bytes)
        await transaction.execute(
            _RESERVE, job_id, user_id, file_name, f"{folder}input.csv", announced_bytes, limits.expiry_seconds
        )
    try:
        async with reader.told.of_upload(user_id, str(job_id), file_name) as tell:
            blocks = _told(part.blocks(), announced_bytes, tell.upload)
            stored = await reader.store.put(FORECAST_UPLOADS, f"{folder}input.csv", blocks, content_type="text/csv")
            answer = await _read_and_keep(
                database, reader, user_id, job_id, file_name, stored.reference, limits, once, tell.analysis
            )
    except BaseException:
        await asyncio.shield(_discard(database, reader.store, job_id))
        raise
    if answer.job_id != job_id:
        await _discard(database, reader.store, job_id)
    return answer


async def _read_and_keep(
    database: Database,
    reader: FileReader,
    user_id: UUID,
    job_id: UUID,
    file_name: str,
    raw: Reference,
    limits: Limits,
    once: OnceReceived,
    tell: TellShare,
) -> ForecastUploaded:
    canonical_key = f"{job_folder(user_id, job_id)}canonical.parquet"
    try:
        canonical, analysis = await reader.read(
            raw, file_name=file_name, overrides={}, canonical_key=canonical_key, tell=tell
        )
    except ProblemError as error:
        if error.problem.category is Category.DATA_VALIDATION:
            await _tell_rejection(database, user_id, job_id, file_name, error)
        raise
    same = hashlib.sha256(f"{file_name}\n{raw.sha256}".encode()).digest()
    async with database.transaction() as transaction:

        async def work() -> ForecastUploaded:
            kept = await transaction.execute(
                _KEEP,
                job_id,
                raw.model_dump(mode="json"),
                canonical.model_dump(mode="json"),
                analysis,
                analysis["columns"],
                analysis["time_candidates"],
                analysis["preview"],
            )
            if not kept:
                raise not_found("Forecast job", str(job_id))
            await check_quota(transaction, user_id, file_name, 0, limits.quota_bytes)
            return ForecastUploaded(
                job_id=job_id,
                file_name=file_name,
                rows=analysis["row_count"],
                columns=analysis["columns"],
                time_candidates=analysis["time_candidates"],
                ambiguities=analysis["ambiguities"],
                preview=analysis["preview"],
            )

        return await once.of(same).answer(transaction, ForecastUploaded, work)


async def _told(blocks: AsyncIterator[bytes], announced_bytes: int, tell: TellShare) -> AsyncIterator[bytes]:
    """The blocks. Where it was not announced how many bytes come, it is told once they are there."""
    received = 0
    tell(0.0)
    async for block in blocks:
        yield block
        received += len(block)
        if announced_bytes:
            tell(min(1.0, received / announced_bytes))
    tell(1.0)


def job_folder(user_id: UUID, job_id: UUID) -> str:
    """Where everything of a job lies in its bucket: server ids only, with a slash at the end."""
    return f"{user_id}/{job_id}/"


async def expire_jobs(database: Database, store: ObjectStore) -> None:
    """Remove jobs that nobody started in time, and go on with what a lost process was removing."""
    async with database.transaction() as transaction:
        await transaction.execute(_CLAIM_EXPIRED)
        leaving = await transaction.fetch("select * from public.forecast_jobs where removing limit 100")
    for job in leaving:
        await _remove(database, store, job)


async def _discard(database: Database, store: ObjectStore, job_id: UUID) -> None:
    """Away with a job that could not be received, or was already there."""
    async with database.transaction() as transaction:
        job = await transaction.fetch_row(f"{_CLAIM} returning *", job_id)
    if job is not None:
        await _remove(database, store, job)


async def _remove(database: Database, store: ObjectStore, job: Record) -> None:
    """First the objects, then the row that names them. Cut short, the sweep takes it up again."""
    await store.delete_prefix(FORECAST_UPLOADS, job_folder(job["user_id"], job["id"]))
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.forecast_jobs where id = $1 and removing", job["id"])
    log.info("forecast job removed", job_id=str(job["id"]))


async def _tell_rejection(database: Database, user_id: UUID, job_id: UUID, file_name: str, error: ProblemError) -> None:
    async with database.transaction() as transaction:
        await outbox.record(
            transaction,
            FileRejected(upload_id=str(job_id), file_name=file_name, problem=problem_of(error, current_trace_id())),
            source="upload",
            session_id=str(job_id),
            user_id=user_id,
        )
