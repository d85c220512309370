"""What an upload may be: every number that a client sends is bounded before anything is done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from shared.problems import Category, ProblemError
from shared.settings import Settings

_SMALLEST_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that bound an upload."""

    file_bytes: int
    chunk_bytes: int
    expiry_seconds: float
    quota_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured."""
        return cls(
            file_bytes=settings.max_file_bytes,
            chunk_bytes=settings.max_chunk_bytes,
            expiry_seconds=settings.upload_expiry_hours * 3600,
            quota_bytes=settings.storage_quota_bytes,
        )

    @property
    def chunks(self) -> int:
        """Of the largest file in the smallest usual chunks."""
        return max(1, -(-self.file_bytes // _SMALLEST_CHUNK))

    def check_size(self, file_name: str, size: int) -> None:
        """Raises a 413 problem for a file that is larger than any may be."""
        if size > self.file_bytes:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="The file is too large",
                detail=f"{file_name!r} has {size} bytes; at most {self.file_bytes} are taken.",
                recovery=["Split the file by time, or remove columns that are not needed."],
                status=413,
            )

    def check_chunks(self, file_name: str, count: int) -> None:
        """Raises a problem for more chunks than any file needs: every answer lists them (F22)."""
        if count > self.chunks:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="The file is in too many chunks",
                detail=f"{file_name!r} is announced in {count} chunks; at most {self.chunks} are taken.",
                recovery=["Send larger chunks; 1 MB is usual."],
            )
