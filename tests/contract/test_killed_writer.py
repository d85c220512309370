"""A process that is killed while it writes leaves no object, and nothing that the sweep would not find."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from shared.storage.keys import UPLOAD_STAGING
from shared.storage.port import ObjectStore

WRITER = """
import asyncio, sys
from shared.storage.open import open_store

async def never_ending():
    for _ in range(20):
        yield bytes(1024 * 1024)
    print("writing", flush=True)
    await asyncio.Event().wait()

async def main(url, bucket, key):
    async with open_store(url, public_url="http://127.0.0.1", signing_secret="of no matter here") as store:
        await store.put(bucket, key, never_ending())

asyncio.run(main(*sys.argv[1:]))
"""


async def test_what_a_killed_writer_leaves_is_swept(store: ObjectStore, store_url: str, folder: str) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", WRITER, store_url, UPLOAD_STAGING, f"{folder}/a"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert await asyncio.wait_for(writer.stdout.readline(), 30) == b"writing\n"
    writer.kill()
    await writer.wait()

    assert [found async for found in store.list(UPLOAD_STAGING, folder)] == []
    assert await store.sweep(timedelta(hours=1)) == 0  # too young: it might still be written
    assert await store.sweep(timedelta(0)) == 1
    assert await store.sweep(timedelta(0)) == 0
