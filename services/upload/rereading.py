"""Reading a session's file again, as a person says: a new canonical copy and analysis instead of the old ones.

Each reading has a number, given in order, and a canonical copy of its own that is named by it. Of several at the same
time the one that was asked for last counts, whichever ends first; no reading ever writes over another's copy.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.upload.announcement import file_uploaded
from services.upload.reading import FileReader
from shared.analysis.document import AnalysisOverrides
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError, not_found
from shared.sessions.rows import busy, move, own_session
from shared.sessions.state import ALLOWED_FROM, SessionStatus

_NEXT_READING = """
update public.training_files set last_reading = last_reading + 1 where session_id = $1 and id = $2
returning last_reading
"""
_REPLACE = """
update public.training_files set canonical = $3, analysis = $4, reading = $5
where session_id = $1 and id = $2 and last_reading = $5
"""


async def read_again(
    database: Database,
    reader: FileReader,
    user_id: UUID,
    session_id: str,
    file_id: UUID,
    overrides: AnalysisOverrides,
) -> dict[str, Any]:
    """The file's analysis under these overrides; nothing is done if it was read with them already.

    Raises a 404 problem for what is not the caller's, a 409 one while the session is at work or when another reading
    was asked for meanwhile, and DATA_VALIDATION when the file cannot be read so; then everything is as before.
    """
    async with database.transaction(user_id) as transaction:
        session = await own_session(transaction, user_id, session_id)
        file = await find_file(transaction, session_id, file_id)
        if AnalysisOverrides.model_validate(file["analysis"].get("overrides", {})) == overrides:
            analysis: dict[str, Any] = file["analysis"]
            return analysis
        _require_rest(session)
        async with transaction.as_service():
            number = await transaction.fetch_value(_NEXT_READING, session_id, file_id)
    raw = Reference.model_validate(file["raw"])
    folder = raw.key.rpartition("/")[0]
    key = f"{folder}/canonical-{number}.parquet"
    try:
        async with reader.told.of_reading(file, number) as tell:
            canonical, analysis = await reader.read(
                raw,
                file_name=file["file_name"],
                overrides=overrides.model_dump(mode="json"),
                canonical_key=key,
                tell=tell,
            )
        async with database.transaction() as transaction:
            replaced = await _replace(transaction, user_id, session_id, file, canonical, analysis, number)
    except ProblemError as error:
        # Where the database gave no answer the copy may be the file's by now; else it goes with the session's folder.
        if not error.retryable:
            await reader.store.delete_many(raw.bucket, [key])
        raise
    await reader.store.delete_many(raw.bucket, [replaced])
    return analysis


async def find_file(transaction: Transaction, session_id: str, file_id: UUID) -> Record:
    """A file of a session that was found to be the caller's. Raises a 404 problem."""
    row = await transaction.fetch_row(
        "select * from public.training_files where session_id = $1 and id = $2", session_id, file_id
    )
    if row is None:
        raise not_found("File", str(file_id))
    return row


async def _replace(
    transaction: Transaction,
    user_id: UUID,
    session_id: str,
    file: Record,
    canonical: Reference,
    analysis: dict[str, Any],
    number: int,
) -> str:
    """Put the new copy and analysis in place of the old ones; the old copy's key."""
    # The lock keeps a generation from beginning with the old copy.
    session = await transaction.fetch_row(
        """select * from public.training_sessions
           where session_id = $1 and user_id = $2 and status <> 'deleting' for update""",
        session_id,
        user_id,
    )
    if session is None:
        raise not_found("Session", session_id)
    _require_rest(session)
    replaced: str = (await find_file(transaction, session_id, file["id"]))["canonical"]["key"]
    reference = canonical.model_dump(mode="json")
    if not await transaction.execute(_REPLACE, session_id, file["id"], reference, analysis, number):
        raise _superseded(file)
    if session["configuration"] is not None:
        # What was made from the old copy says nothing about the new one: datasets come next, not training.
        await move(transaction, session_id, SessionStatus.CONFIGURED)
    event = file_uploaded(
        session_id,
        file["id"],
        file["file_name"],
        file["file_type"],
        raw=Reference.model_validate(file["raw"]),
        canonical=canonical,
        analysis=analysis,
    )
    await outbox.record(transaction, event, source="upload", session_id=session_id, user_id=user_id)
    return replaced


def _require_rest(session: Record) -> None:
    if SessionStatus(session["status"]) not in ALLOWED_FROM[SessionStatus.CONFIGURED]:
        raise busy(session, SessionStatus.CONFIGURED)


def _superseded(file: Record) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="The file is being read in another way",
        detail=f"{file['file_name']!r} was asked to be read with other overrides after this request.",
        recovery=["Look at the file's analysis.", "Send these overrides again if they are still wanted."],
    )
