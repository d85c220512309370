"""What the rest of Foretide knows of object storage. Adapters: ``local`` (a folder) and ``s3``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.events.payloads import Reference
from shared.storage.errors import InvalidKey, InvalidRange, StoreRefused

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_SIGNED_SECONDS = 7200
DELETE_BATCH = 1000
_DELETE_ROUNDS = 4
"""Of listing and deleting until nothing is listed; a second one deletes what a writer was just finishing."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What ``put`` wrote, as it counted and hashed it: what a caller records in the database."""

    bucket: str
    key: str
    size: int
    sha256: str
    content_type: str

    @property
    def reference(self) -> Reference:
        """As events and rows name it."""
        return Reference(bucket=self.bucket, key=self.key, sha256=self.sha256, bytes=self.size)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store knows of an object; sizes in bytes.

    ``content_type`` and ``sha256`` are None from ``list``. ``sha256`` is also None where the store could not
    keep it: S3 takes metadata before the bytes, so objects written in parts (from 8 MiB) have none.
    """

    bucket: str
    key: str
    size: int
    modified_at: datetime
    content_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that whoever holds it may GET until ``expires_at``, which is what the URL itself says."""

    url: str
    expires_at: datetime


class ObjectStore(Protocol):
    """Whole objects under (bucket, key). Memory does not grow with an object's size.

    Every method raises :class:`~shared.storage.errors.InvalidKey` before it touches the store, and
    ``StoreUnavailable`` or ``StoreRefused`` when the store cannot or will not do it.
    """

    async def put(
        self,
        bucket: str,
        key: str,
        stream: AsyncIterable[bytes] | bytes,
        *,
        content_type: str = DEFAULT_CONTENT_TYPE,
    ) -> StoredObject:
        """Write an object, or write it anew: a reader sees the old or the new one, whole.

        If the stream raises or the call is cancelled, nothing is stored and nothing is left over.
        """
        ...

    def get(
        self,
        bucket: str,
        key: str,
        *,
        start: int = 0,
        end: int | None = None,
        expected_sha256: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The bytes ``start <= position < end`` as a stream; an ``end`` behind the object's is its end.

        A full read (no ``start``, no ``end``) is verified when its last byte was given: its size, and its
        SHA-256 against ``expected_sha256`` or else what the store recorded; else ``ChecksumMismatch``.
        ``ObjectNotFound`` and ``InvalidRange`` come with the first chunk.
        """
        ...

    async def stat(self, bucket: str, key: str) -> ObjectInfo:
        """Raises ``ObjectNotFound``."""
        ...

    def list(self, bucket: str, prefix: str = "") -> AsyncGenerator[ObjectInfo, None]:
        """Every object in the folder ``prefix`` and below (``a/1`` is not ``a/10``); no order is promised."""
        ...

    async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete; keys without an object are fine."""
        ...

    async def delete_prefix(self, bucket: str, prefix: str, *, only: Callable[[str], bool] = lambda key: True) -> int:
        """Delete every object in the folder ``prefix`` and below, and look that none is left; how many those were.

        ``only`` chooses among them by their keys. Raises ``InvalidKey`` for an empty prefix: nothing of ours empties a
        bucket. Raises ``StoreRefused`` for objects that are still listed although the store had taken their deletion.
        """
        if not prefix:
            raise InvalidKey(prefix, "as a prefix would delete the whole bucket")
        deleted = 0
        for _ in range(_DELETE_ROUNDS):
            found = await self._delete_listed(bucket, prefix, only)
            if not found:
                return deleted
            deleted += found
        raise StoreRefused(f"Objects below {prefix!r} are still there after they were deleted.", retryable=True)

    async def _delete_listed(self, bucket: str, prefix: str, only: Callable[[str], bool]) -> int:
        deleted = 0
        batch: list[str] = []
        async for found in self.list(bucket, prefix):
            if only(found.key):
                batch.append(found.key)
            if len(batch) == DELETE_BATCH:
                await self.delete_many(bucket, batch)
                deleted += len(batch)
                batch = []
        await self.delete_many(bucket, batch)
        return deleted + len(batch)

    async def signed_url(
        self,
        bucket: str,
        key: str,
        *,
        expires_seconds: int = MAX_SIGNED_SECONDS,
        download_name: str | None = None,
    ) -> SignedUrl:
        """A URL to GET the object with, for 1 to 7200 seconds; saved as ``download_name`` if given.

        Does not look whether the object exists. Raises ValueError for another time.
        """
        ...

    async def sweep(self, older_than: timedelta) -> int:
        """Remove what writers that were killed left unfinished before that long; how many such remains."""
        ...

    async def ready(self) -> bool:
        """True while objects can be read and written."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


def check_signed_seconds(expires_seconds: int) -> None:
    """Raises ValueError unless a signed URL may last that long."""
    if not 1 <= expires_seconds <= MAX_SIGNED_SECONDS:
        raise ValueError(f"a signed URL lasts 1 to {MAX_SIGNED_SECONDS} seconds, not {expires_seconds}")


def check_range(start: int, end: int | None) -> None:
    """Raises :class:`InvalidRange` for a range that no object can have."""
    if start < 0 or (end is not None and end <= start):
        raise InvalidRange(start, end)
