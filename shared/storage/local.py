"""The folder adapter: objects are files below one folder; download URLs are signed by us and served by us."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from shared.storage.blocks import Tally, blocks
from shared.storage.errors import InvalidRange, StoreUnavailable
from shared.storage.folder import Folder
from shared.storage.keys import check_bucket, check_key, folder_prefix
from shared.storage.port import (
    DEFAULT_CONTENT_TYPE,
    MAX_SIGNED_SECONDS,
    ObjectInfo,
    ObjectStore,
    SignedUrl,
    StoredObject,
    check_range,
    check_signed_seconds,
)
from shared.storage.signing import sign_url

_BLOCK = 1024 * 1024
_PAGE = 1000


class LocalStore(ObjectStore):
    """Objects in the folder ``root``, which several processes may share."""

    def __init__(self, root: Path, *, public_url: str, signing_secret: str) -> None:
        """Raises StoreUnavailable if the folder cannot be made, ValueError without a secret."""
        if not signing_secret:
            raise ValueError("a folder store needs a secret to sign download URLs with")
        self._folder = Folder(root)
        self._public_url = public_url
        self._signing_secret = signing_secret
        with _storage_errors():
            self._folder.create()

    async def put(
        self,
        bucket: str,
        key: str,
        stream: AsyncIterable[bytes] | bytes,
        *,
        content_type: str = DEFAULT_CONTENT_TYPE,
    ) -> StoredObject:
        check_bucket(bucket)
        check_key(key)
        with _storage_errors():
            partial = await asyncio.to_thread(self._folder.begin)
        try:
            async with aclosing(blocks(stream, _BLOCK)) as source:
                async for block in source:
                    with _storage_errors():
                        await asyncio.to_thread(partial.write, block)
            with _storage_errors():
                await asyncio.to_thread(self._folder.commit, partial, bucket, key, content_type)
        finally:
            await asyncio.to_thread(partial.discard)
        return StoredObject(bucket, key, partial.tally.size, partial.tally.sha256, content_type)

    async def get(
        self,
        bucket: str,
        key: str,
        *,
        start: int = 0,
        end: int | None = None,
        expected_sha256: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        check_bucket(bucket)
        check_key(key)
        check_range(start, end)
        with _storage_errors():
            opened = await asyncio.to_thread(self._folder.open, bucket, key)
        try:
            if start > 0 and start >= opened.size:
                raise InvalidRange(start, end)
            stop = opened.size if end is None else min(end, opened.size)
            tally = Tally()
            with _storage_errors():
                opened.file.seek(start)
            while remaining := stop - start - tally.size:
                with _storage_errors():
                    block = await asyncio.to_thread(opened.file.read, min(_BLOCK, remaining))
                if not block:
                    break
                await asyncio.to_thread(tally.add, block)
                yield block
            recorded = opened.description.sha256 if opened.description else None
            whole = start == 0 and end is None
            tally.verify(bucket, key, stop - start, (expected_sha256 or recorded) if whole else None)
        finally:
            await asyncio.to_thread(opened.file.close)

    async def stat(self, bucket: str, key: str) -> ObjectInfo:
        check_bucket(bucket)
        check_key(key)
        with _storage_errors():
            opened = await asyncio.to_thread(self._folder.open, bucket, key)
        opened.file.close()
        description = opened.description
        return ObjectInfo(
            bucket,
            key,
            opened.size,
            datetime.fromtimestamp(opened.modified, UTC),
            description.content_type if description else DEFAULT_CONTENT_TYPE,
            description.sha256 if description else None,
        )

    async def list(self, bucket: str, prefix: str = "") -> AsyncGenerator[ObjectInfo, None]:
        check_bucket(bucket)
        entries = self._folder.walk(bucket, folder_prefix(prefix))
        while page := await asyncio.to_thread(_page, entries):
            for key, status in page:
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield ObjectInfo(bucket, key, status.st_size, modified)

    async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        check_bucket(bucket)
        checked = [*keys]
        for key in checked:
            check_key(key)
        await asyncio.to_thread(self._delete, bucket, checked)

    async def signed_url(
        self,
        bucket: str,
        key: str,
        *,
        expires_seconds: int = MAX_SIGNED_SECONDS,
        download_name: str | None = None,
    ) -> SignedUrl:
        check_bucket(bucket)
        check_key(key)
        check_signed_seconds(expires_seconds)
        return sign_url(
            self._signing_secret,
            self._public_url,
            bucket=bucket,
            key=key,
            expires_seconds=expires_seconds,
            download_name=download_name,
        )

    async def sweep(self, older_than: timedelta) -> int:
        with _storage_errors():
            return await asyncio.to_thread(self._folder.sweep, time.time() - older_than.total_seconds())

    async def ready(self) -> bool:
        return await asyncio.to_thread(self._folder.writable)

    async def close(self) -> None:
        """Nothing is held open."""

    def _delete(self, bucket: str, keys: Iterable[str]) -> None:
        with _storage_errors():
            for key in keys:
                self._folder.delete(bucket, key)


def _page(entries: Iterator[tuple[str, os.stat_result]]) -> Sequence[tuple[str, os.stat_result]]:
    with _storage_errors():
        return [*islice(entries, _PAGE)]


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "its disk is full" if full else f"{type(error).__name__}"
        raise StoreUnavailable(f"The folder of the object store cannot be used: {reason}.") from error
