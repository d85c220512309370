"""Opening a session with files that were read: its rows and its first events, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.upload.announcement import file_uploaded
from services.upload.documents import FileType
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import FileUploaded, Reference, SessionCreated
from shared.sessions.rows import move
from shared.sessions.state import SessionStatus


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file in the store, with its canonical copy and what was found in it."""

    file_id: UUID
    file_name: str
    file_type: FileType
    raw: Reference
    canonical: Reference
    analysis: dict[str, Any]

    @classmethod
    def of(cls, row: Record, file_id: UUID, file_type: FileType) -> ReadFile:
        """As a row of uploads, forecast jobs or a session's files has it."""
        return cls(
            file_id=file_id,
            file_name=row["file_name"],
            file_type=file_type,
            raw=Reference.model_validate(row["raw"]),
            canonical=Reference.model_validate(row["canonical"]),
            analysis=row["analysis"],
        )

    def uploaded(self, session_id: str) -> FileUploaded:
        """The event that says so."""
        return file_uploaded(
            session_id,
            self.file_id,
            self.file_name,
            self.file_type,
            raw=self.raw,
            canonical=self.canonical,
            analysis=self.analysis,
        )


async def open_session(transaction: Transaction, user_id: UUID, name: str, files: Sequence[ReadFile]) -> str:
    """A new session with these files, announced to every service; its id. Runs as the service."""
    session_id = str(uuid4())
    await transaction.execute(
        "insert into public.training_sessions (session_id, user_id, name) values ($1, $2, $3)",
        session_id,
        user_id,
        name,
    )
    created = SessionCreated(session_id=session_id, name=name, files=len(files))
    await outbox.record(transaction, created, source="upload", session_id=session_id, user_id=user_id)
    await move(transaction, session_id, SessionStatus.UPLOADED)
    for file in files:
        await _add(transaction, user_id, session_id, file)
        event = file.uploaded(session_id)
        await outbox.record(transaction, event, source="upload", session_id=session_id, user_id=user_id)
    return session_id


async def _add(transaction: Transaction, user_id: UUID, session_id: str, file: ReadFile) -> None:
    await transaction.execute(
        """insert into public.training_files
               (id, session_id, user_id, file_name, file_type, file_size, storage_path, sha256, raw, canonical,
                analysis)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        file.file_id,
        session_id,
        user_id,
        file.file_name,
        file.file_type,
        file.raw.bytes,
        file.raw.key,
        file.raw.sha256,
        file.raw.model_dump(mode="json"),
        file.canonical.model_dump(mode="json"),
        file.analysis,
    )
