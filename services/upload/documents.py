"""What the upload service takes and answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from shared.analysis.document import AnalysisOverrides
from shared.web.documents import Document

UploadIdentifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
SessionName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
FileType = Literal["input", "output"]
FileName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""What people call a file: data, never a path. Control characters are in no name that anybody chose."""


class AnnouncedFile(Document):
    """What is said of a file before its bytes come."""

    file_name: FileName
    size: int = Field(ge=0, strict=True, description="Bytes of the whole file.")
    file_type: FileType = "input"
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    overrides: AnalysisOverrides = Field(
        default=AnalysisOverrides(), description="How to read the file, where it does not say so itself: its time zone."
    )


class CreateUpload(AnnouncedFile):
    """Announces one file that comes in chunks."""

    total_chunks: int = Field(ge=1, strict=True)


class TusFile(AnnouncedFile):
    """Announces one file that comes by tus; ``metadata`` as its client wrote it."""

    metadata: str


class UploadCreated(Document):
    """Send the chunks under this id."""

    upload_id: str


class UploadState(Document):
    """What the server has of an upload. ``status`` is ``completed`` when the file is whole and was read."""

    upload_id: str
    file_name: str
    status: Literal["chunk_received", "completed"]
    received: list[int]
    missing: list[int]
    total_chunks: int | None = Field(description="Null while a tus upload is not whole: its parts are not numbered.")


class PendingUpload(Document):
    """An upload that no session has taken yet; its chunks are at `upload-status`."""

    upload_id: str
    file_name: str
    file_type: FileType
    status: Literal["open", "assembling", "completed", "rejected"]
    size: int | None = Field(description="As announced; null for an upload whose id its client chose.")
    received_bytes: int
    created_at: datetime
    expires_at: datetime
    problem: dict[str, Any] | None = Field(description="Why it was rejected.")


class UsageDocument(Document):
    """Bytes of everything that a user stores, and how many they may be."""

    storage_used_bytes: int
    storage_quota_bytes: int


class SessionFile(Document):
    """One file of a new session; ``fileType`` where its role is another than announced."""

    upload_id: UploadIdentifier | None = None
    file_type: FileType | None = None


class CreateSession(Document):
    """Makes a session of completed uploads."""

    upload_id: UploadIdentifier | None = None
    upload_ids: list[UploadIdentifier] = Field(default_factory=list, max_length=100)
    files: list[SessionFile] = Field(default_factory=list, max_length=100)
    name: SessionName | None = None


class SessionCreatedAnswer(Document):
    """The new session."""

    session_id: str


class SessionDocument(Document):
    """A session, as lists and reads show it."""

    session_id: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime
    last_sequence: int
    problem: dict[str, Any] | None = None


class RenameSession(Document):
    """The one thing about a session that is changed by hand."""

    name: SessionName


class FileDocument(Document):
    """A file of a session; ``analysis`` has a call of its own."""

    file_id: UUID
    file_name: str
    file_type: FileType
    file_size: int
    sha256: str
    uploaded_at: datetime
    rows: int
    columns: list[str]
    time_column: str | None
    step_minutes: float | None


class Deleted(Document):
    """What is being removed; the sessions are out of sight at once and their bytes follow.

    When nothing is left of one, ``session.purged`` says so on the bus and ``session_purged`` on the socket; its
    ``…/deletion`` tells at any time.
    """

    session_ids: list[str]


class Remaining(Document):
    """Rows that a deleted session still has; each goes after the objects that it names."""

    files: int
    datasets: int
    models: int
    results: int
    plots: int


class DeletionDocument(Document):
    """How far a deletion is: ``deleted`` when nothing is left of the session anywhere."""

    session_id: str
    name: str
    status: Literal["deleting", "deleted"]
    requested_at: datetime
    completed_at: datetime | None
    remaining: Remaining
