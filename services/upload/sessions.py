"""Sessions: made of completed uploads, read, renamed and deleted by their owner alone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from services.upload.chunks import find_upload
from services.upload.documents import CreateSession, FileDocument, SessionDocument
from services.upload.opening import ReadFile, open_session
from shared.database.pool import Record, Transaction
from shared.problems import Category, ProblemError, not_found
from shared.web.documents import Page, decode_cursor, encode_cursor

SessionSort = Literal["createdAt", "updatedAt", "name"]
Order = Literal["asc", "desc"]

_SORTED_BY: dict[SessionSort, tuple[str, type[datetime] | type[str]]] = {
    "createdAt": ("created_at", datetime),
    "updatedAt": ("updated_at", datetime),
    "name": ("name", str),
}
_SQL_TYPE: dict[type, str] = {datetime: "timestamptz", str: "text"}
_BEYOND: dict[Order, str] = {"asc": ">", "desc": "<"}


def asked_uploads(asked: CreateSession) -> list[str]:
    """The upload ids of a request, in order, once each. Raises a problem when there is none."""
    every = [
        *([asked.upload_id] if asked.upload_id else []),
        *asked.upload_ids,
        *[file.upload_id for file in asked.files if file.upload_id is not None],
    ]
    unique = list(dict.fromkeys(every))
    if not unique:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A session needs at least one upload",
            detail="Neither uploadId nor uploadIds names an upload.",
            recovery=["Upload a CSV file first.", "Then send its uploadId."],
        )
    return unique


async def create_session(transaction: Transaction, user_id: UUID, asked: CreateSession) -> str:
    """Session, files and their events, all or nothing. Runs as the service; every query names the owner."""
    uploads = [await _completed_upload(transaction, user_id, upload_id) for upload_id in asked_uploads(asked)]
    roles = {file.upload_id: file.file_type for file in asked.files}
    files = [_read_file(upload, roles.get(upload["upload_id"]) or upload["file_type"]) for upload in uploads]
    session_id = await open_session(transaction, user_id, asked.name or files[0].file_name, files)
    await transaction.execute(
        "update public.uploads set status = 'consumed' where user_id = $1 and upload_id = any($2::text[])",
        user_id,
        [upload["upload_id"] for upload in uploads],
    )
    return session_id


async def _completed_upload(transaction: Transaction, user_id: UUID, upload_id: str) -> Record:
    row = await transaction.fetch_row(
        "select * from public.uploads where user_id = $1 and upload_id = $2 for update", user_id, upload_id
    )
    if row is None:
        raise not_found("Upload", upload_id)
    if row["status"] == "completed":
        return row
    if row["status"] == "consumed":
        raise ProblemError(
            Category.CONFLICT,
            title="This upload is in a session already",
            detail=f"Upload {upload_id!r} ({row['file_name']}) belongs to a session.",
            recovery=["Use that session.", "Or upload the file again for another one."],
        )
    await find_upload(transaction, user_id, upload_id)
    missing = await transaction.fetch(
        """select number from generate_series(0, $3::int - 1) number where not exists (
               select from public.upload_chunks where user_id = $1 and upload_id = $2 and chunk_index = number)
           order by number limit 20""",
        user_id,
        upload_id,
        row["total_chunks"],
    )
    indices = [entry["number"] for entry in missing]
    by_tus = row["received"] is not None
    missing_part = (
        f"{row['received']} of {row['size']} bytes are there" if by_tus else f"missing chunks: {indices or 'none'}"
    )
    raise ProblemError(
        Category.CONFLICT,
        title="This upload is not complete",
        detail=f"Upload {upload_id!r} ({row['file_name']}) is {row['status']}; {missing_part}.",
        recovery=["Send what is missing.", "Then create the session again."],
        technical_details={"missing": indices, "status": row["status"]},
    )


def _read_file(upload: Record, file_type: str) -> ReadFile:
    return ReadFile.of(upload, uuid4(), "output" if file_type == "output" else "input")


async def list_sessions(
    transaction: Transaction,
    user_id: UUID,
    *,
    limit: int,
    cursor: str | None,
    sort: SessionSort = "createdAt",
    order: Order = "desc",
) -> Page[SessionDocument]:
    """The caller's sessions; those with the same value of ``sort`` by their id. The sort is part of the cursor."""
    column, kind = _SORTED_BY[sort]
    list_name = f"sessions {sort} {order}"
    after = decode_cursor(cursor, list_name, kind) if cursor else None
    rows = await transaction.fetch(
        f"""select * from public.training_sessions
            where user_id = $1 and status <> 'deleting'
              and ($2::{_SQL_TYPE[kind]} is null or ({column}, session_id) {_BEYOND[order]} ($2, $3))
            order by {column} {order}, session_id {order} limit $4""",
        user_id,
        after[0] if after else None,
        after[1] if after else "",
        limit + 1,
    )
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return Page[SessionDocument](
        items=[session_document(row) for row in shown],
        next_cursor=encode_cursor(list_name, last[column], last["session_id"]) if last else None,
    )


def session_document(row: Record) -> SessionDocument:
    """One session as HTTP shows it."""
    return SessionDocument(**{name: row[name] for name in SessionDocument.model_fields})


async def list_files(transaction: Transaction, session_id: str) -> list[FileDocument]:
    """The files of a session that was found to be the caller's, by name."""
    rows = await transaction.fetch(
        "select * from public.training_files where session_id = $1 order by file_name, id", session_id
    )
    return [
        FileDocument(
            file_id=row["id"],
            file_name=row["file_name"],
            file_type=row["file_type"],
            file_size=row["file_size"],
            sha256=row["sha256"],
            uploaded_at=row["uploaded_at"],
            rows=row["analysis"]["row_count"],
            columns=[column["name"] for column in row["analysis"]["columns"]],
            time_column=row["analysis"]["time_column"],
            step_minutes=row["analysis"]["step_minutes"],
        )
        for row in rows
    ]
