"""Files into the store and out of it, over the port alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import aiofiles
import aiofiles.os

from shared.storage.port import DEFAULT_CONTENT_TYPE, ObjectStore, StoredObject

_BLOCK = 1024 * 1024


async def put_file(
    store: ObjectStore, bucket: str, key: str, path: Path, *, content_type: str = DEFAULT_CONTENT_TYPE
) -> StoredObject:
    """Store a file's bytes. Raises what ``put`` raises, and OSError for the file."""
    async with aclosing(_read(path)) as stream:
        return await store.put(bucket, key, stream, content_type=content_type)


async def get_file(
    store: ObjectStore, bucket: str, key: str, path: Path, *, expected_sha256: str | None = None
) -> None:
    """Write an object to ``path``, which changes only once the object is there, whole and verified.

    Raises what ``get`` raises, and OSError for the file.
    """
    partial = path.with_name(f"{path.name}.part")
    try:
        async with (
            aclosing(store.get(bucket, key, expected_sha256=expected_sha256)) as stream,
            aiofiles.open(partial, "wb") as file,
        ):
            async for block in stream:
                await file.write(block)
        await aiofiles.os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


async def _read(path: Path) -> AsyncGenerator[bytes, None]:
    async with aiofiles.open(path, "rb") as file:
        while block := await file.read(_BLOCK):
            yield block
