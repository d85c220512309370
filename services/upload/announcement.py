"""``file.uploaded``: what every service learns of a file, each time that it was read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from services.upload.documents import FileType
from shared.events.payloads import FileUploaded, Reference

_PUBLISHED_BYTES = 32 * 1024
_LONG_PARTS = ("gaps", "duplicate_rows", "rejected_rows", "preview", "columns")


def file_uploaded(
    session_id: str,
    file_id: UUID,
    file_name: str,
    file_type: FileType,
    *,
    raw: Reference,
    canonical: Reference,
    analysis: dict[str, Any],
) -> FileUploaded:
    """The event of a file that was read."""
    return FileUploaded(
        session_id=session_id,
        file_id=file_id,
        file_name=file_name,
        file_type=file_type,
        raw=raw,
        canonical=canonical,
        rows=analysis["row_count"],
        columns=[column["name"] for column in analysis["columns"]],
        time_column=analysis["time_column"],
        step_minutes=analysis["step_minutes"],
        first_time=analysis["first_time"],
        last_time=analysis["last_time"],
        analysis=published(analysis),
    )


def published(analysis: dict[str, Any]) -> dict[str, Any]:
    """The analysis as far as it goes into a message: of a file with much to tell, the longest lists stay behind."""
    short = dict(analysis)
    for part in _LONG_PARTS:
        if len(orjson.dumps(short)) <= _PUBLISHED_BYTES:
            break
        del short[part]
    return short
