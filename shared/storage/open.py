"""From a URL to an open object store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.storage.errors import StoreUnavailable
from shared.storage.local import LocalStore
from shared.storage.port import ObjectStore
from shared.storage.s3_location import parse_s3_url

if TYPE_CHECKING:
    from shared.storage.s3 import S3Store

_RETRY_SECONDS = 0.5


@asynccontextmanager
async def open_store(
    url: str, *, public_url: str, signing_secret: str, wait_seconds: float = 60.0
) -> AsyncIterator[ObjectStore]:
    """The store at ``url``, with its buckets there; closed on leaving.

    ``file:///absolute/folder`` signs download URLs below ``public_url`` with ``signing_secret``;
    ``s3://…`` is described at :func:`~shared.storage.s3_location.parse_s3_url` and uses neither. A store that
    is still starting is waited for. Raises ValueError for another URL, StoreUnavailable, StoreRefused.
    """
    match urlsplit(url).scheme:
        case "file":
            yield LocalStore(_folder(url), public_url=public_url, signing_secret=signing_secret)
        case "s3":
            # Its client is half a second's import, which a folder needs not wait for.
            from shared.storage.s3 import S3Store

            store = await S3Store.open(parse_s3_url(url))
            try:
                await _with_buckets(store, wait_seconds)
                yield store
            finally:
                await store.close()
        case other:
            raise ValueError(f"a store URL begins with file:// or s3://, not {other!r}")


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise ValueError("a folder store's URL is file:///absolute/folder")
    return path


async def _with_buckets(store: S3Store, wait_seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while True:
        try:
            return await store.ensure_buckets()
        except StoreUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
