"""Starting a forecast job: choices made, an ordinary session configured from them, its dataset asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.upload.choices.reading import reading_asked
from services.upload.choices.wishes import Wishes
from services.upload.forecast.documents import ForecastStarted
from services.upload.forecast.receiving import job_folder
from services.upload.opening import ReadFile, open_session
from services.upload.reading import FileReader
from shared.analysis.document import Analysis
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.jobs.datasets import ask_for_dataset
from shared.problems import Category, ProblemError
from shared.sessions.forecast_jobs import own_forecast_job
from shared.sessions.rows import own_session
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger
from shared.web.idempotency import Once

log = logger(__name__)

_TAKE = """
update public.forecast_jobs set status = 'processing', session_id = $2, canonical = $3, analysis = $4, columns = $5,
    time_candidates = $6, preview = $7, choices = $8, model_used = null, metrics = null, error_message = null,
    problem = null
where id = $1 and status in ('pending', 'failed') and not removing and session_id is not distinct from $9
"""
_REPLACE_FILE = """
update public.training_files set canonical = $3, analysis = $4, last_reading = last_reading + 1,
    reading = last_reading + 1
where id = $1 and canonical = $2
"""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the transaction writes: the file as it is to be read, and what was chosen for it."""

    file: ReadFile
    configuration: dict[str, Any]
    choices: list[dict[str, Any]]


async def start_forecast(
    database: Database, reader: FileReader, user_id: UUID, job_id: UUID, wishes: Wishes, once: Once
) -> ForecastStarted:
    """Choose what was not asked for and start; the session and every choice, or what this request got before.

    A job that failed can be started again, with other wishes: in the same session. Raises problems: 404, 409 for a job
    that is at work or completed, DATA_VALIDATION for a wish that cannot be met, INSUFFICIENT_DATA; then nothing was
    queued and the job is as it was.
    """
    async with database.transaction(user_id) as transaction:
        job = await own_forecast_job(transaction, user_id, job_id)
        async with transaction.as_service():
            given = await once.given(transaction, ForecastStarted)
        if given is not None:
            return given
        _require_rest(job)
        file = await _file_of(transaction, job)
    read = await _read_as_asked(reader, user_id, job_id, file, wishes)
    try:
        prepared = await _choose(reader, read, wishes)
        answer, is_new = await _start(database, user_id, job, file, prepared, once)
    except ProblemError as error:
        # Where the database gave no answer the copy may be the session's by now.
        if read is not file and not error.retryable:
            await _discard_copy(reader.store, read)
        raise
    if read is not file:
        await _discard_copy(reader.store, file if is_new else read)
    return answer


async def _discard_copy(store: ObjectStore, file: ReadFile) -> None:
    """What cannot be removed now goes with the job's folder."""
    try:
        await store.delete_many(file.canonical.bucket, [file.canonical.key])
    except ProblemError as error:
        log.warning("a copy that nobody needs is left", key=file.canonical.key, error=str(error))


async def _file_of(transaction: Transaction, job: Record) -> ReadFile:
    """The job's file, as its session has it if there is one."""
    source, file_id = job, uuid4()
    if job["session_id"] is not None:
        row = await transaction.fetch_row(
            "select * from public.training_files where session_id = $1 and storage_path = $2",
            job["session_id"],
            job["input_file_path"],
        )
        assert row is not None
        source, file_id = row, row["id"]
    return ReadFile.of(source, file_id, "input")


async def _read_as_asked(reader: FileReader, user_id: UUID, job_id: UUID, file: ReadFile, wishes: Wishes) -> ReadFile:
    """The same file, or with a canonical copy of its own where another time column or zone was asked for."""
    overrides = reading_asked(Analysis.model_validate(file.analysis), wishes)
    if overrides is None:
        return file
    canonical, analysis = await reader.read(
        file.raw,
        file_name=file.file_name,
        overrides=overrides.model_dump(mode="json"),
        canonical_key=f"{job_folder(user_id, job_id)}canonical-{uuid4().hex}.parquet",
    )
    return ReadFile(file.file_id, file.file_name, file.file_type, file.raw, canonical, analysis)


async def _choose(reader: FileReader, file: ReadFile, wishes: Wishes) -> _Prepared:
    chosen = await reader.choose(
        file.canonical,
        file_id=str(file.file_id),
        analysis=file.analysis,
        wishes=wishes.model_dump(mode="json", by_alias=True),
    )
    return _Prepared(file, chosen["configuration"], chosen["choices"])


async def _start(
    database: Database, user_id: UUID, job: Record, found: ReadFile, prepared: _Prepared, once: Once
) -> tuple[ForecastStarted, bool]:
    """Session, configuration, dataset and the job's row, in one transaction; the answer, and whether it is ours."""
    is_new = False
    async with database.transaction(user_id) as transaction, transaction.as_service():

        async def work() -> ForecastStarted:
            nonlocal is_new
            is_new = True
            session_id = await _session(transaction, user_id, job, found, prepared.file)
            session = await own_session(transaction, user_id, session_id)
            await ask_for_dataset(
                transaction, user_id, session, prepared.configuration, run_after=True, source="upload"
            )
            await _take(transaction, job, session_id, prepared)
            return ForecastStarted.model_validate(
                {"job_id": job["id"], "session_id": session_id, "choices": prepared.choices}
            )

        return await once.answer(transaction, ForecastStarted, work), is_new


async def _session(transaction: Transaction, user_id: UUID, job: Record, found: ReadFile, file: ReadFile) -> str:
    """The job's session: a new one, or the one that failed, with the file, ``found`` there, as it is read now.

    Raises a 409 problem where somebody had the session's file read in another way meanwhile.
    """
    session_id: str | None = job["session_id"]
    if session_id is None:
        return await open_session(transaction, user_id, file.file_name, [file])
    before, after = found.canonical.model_dump(mode="json"), file.canonical.model_dump(mode="json")
    if not await transaction.execute(_REPLACE_FILE, file.file_id, before, after, file.analysis):
        raise _read_otherwise(file)
    if file is not found:
        event = file.uploaded(session_id)
        await outbox.record(transaction, event, source="upload", session_id=session_id, user_id=user_id)
    return session_id


async def _take(transaction: Transaction, job: Record, session_id: str, prepared: _Prepared) -> None:
    file = prepared.file
    taken = await transaction.execute(
        _TAKE,
        job["id"],
        session_id,
        file.canonical.model_dump(mode="json"),
        file.analysis,
        file.analysis["columns"],
        file.analysis["time_candidates"],
        file.analysis["preview"],
        prepared.choices,
        job["session_id"],
    )
    if not taken:
        raise _at_work(job)


def _require_rest(job: Record) -> None:
    if job["status"] not in ("pending", "failed"):
        raise _at_work(job)


def _at_work(job: Record) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="The job was started already",
        detail=f"Job {job['id']} ({job['file_name']}) is being worked on, or has its forecast.",
        recovery=[
            f"GET /api/forecast/{job['id']} says where it stands.",
            "Upload the file again for another forecast.",
        ],
    )


def _read_otherwise(file: ReadFile) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="The file is being read in another way",
        detail=f"While this job was being started, {file.file_name!r} was read again with other overrides.",
        recovery=["Look at the file's analysis.", "Start the job again."],
    )
