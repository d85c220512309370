"""What only the folder adapter can get wrong."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from shared.storage.errors import ChecksumMismatch, InvalidKey, ObjectNotFound, StoreUnavailable
from shared.storage.keys import UPLOAD_STAGING
from shared.storage.local import LocalStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root, public_url="http://127.0.0.1", signing_secret="secret")


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def read(store: LocalStore, key: str) -> bytes:
    return b"".join([block async for block in store.get(UPLOAD_STAGING, key)])


async def test_an_object_is_a_file_of_just_its_bytes(store: LocalStore, root: Path) -> None:
    await store.put(UPLOAD_STAGING, "a/b.csv", b"time,value\n")

    assert (root / UPLOAD_STAGING / "a" / "b.csv").read_bytes() == b"time,value\n"


async def test_bytes_that_changed_on_the_disk_are_found(store: LocalStore, root: Path) -> None:
    await store.put(UPLOAD_STAGING, "a", b"0123456789")
    path = root / UPLOAD_STAGING / "a"
    written = path.stat()
    path.write_bytes(b"012345678X")
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))

    with pytest.raises(ChecksumMismatch):
        await read(store, "a")


async def test_a_file_put_there_by_hand_is_an_object_of_unknown_checksum(store: LocalStore, root: Path) -> None:
    await store.put(UPLOAD_STAGING, "a", b"old", content_type="text/csv")
    (root / UPLOAD_STAGING / "a").write_bytes(b"by hand")

    info = await store.stat(UPLOAD_STAGING, "a")

    assert (info.size, info.sha256, info.content_type) == (7, None, "application/octet-stream")
    assert await read(store, "a") == b"by hand"


@pytest.mark.parametrize(("there", "new"), [("a/b", "a"), ("a", "a/b"), ("a", "a/b/c")])
async def test_a_key_cannot_be_an_object_and_a_folder(store: LocalStore, root: Path, there: str, new: str) -> None:
    await store.put(UPLOAD_STAGING, there, b"there")
    before = files(root)

    with pytest.raises(InvalidKey):
        await store.put(UPLOAD_STAGING, new, b"new")

    assert files(root) == before
    assert await read(store, there) == b"there"


async def test_a_folder_is_not_an_object(store: LocalStore) -> None:
    await store.put(UPLOAD_STAGING, "a/b", b".")

    with pytest.raises(ObjectNotFound):
        await store.stat(UPLOAD_STAGING, "a")
    await store.delete_many(UPLOAD_STAGING, ["a"])
    assert await read(store, "a/b") == b"."


async def test_overwriting_and_deleting_leave_no_files_and_no_folders(store: LocalStore, root: Path) -> None:
    for _ in range(3):
        await store.put(UPLOAD_STAGING, "a/b/c", b".")
    assert len(files(root)) == 2

    await store.delete_many(UPLOAD_STAGING, ["a/b/c"])

    assert files(root) == []
    assert sorted(path.name for path in root.iterdir()) == [".meta", ".partial"]
    assert list((root / ".meta").iterdir()) == []


async def test_writing_where_others_delete_does_not_fail(store: LocalStore) -> None:
    async def write_and_delete(name: str) -> None:
        for _ in range(100):
            await store.put(UPLOAD_STAGING, f"a/b/{name}", b".")
            await store.delete_many(UPLOAD_STAGING, [f"a/b/{name}"])

    await asyncio.gather(*(write_and_delete(name) for name in "cdef"))


async def test_the_description_of_an_object_that_is_gone_is_swept(store: LocalStore, root: Path) -> None:
    await store.put(UPLOAD_STAGING, "a", b"kept")
    await store.put(UPLOAD_STAGING, "b", b"gone")
    (root / UPLOAD_STAGING / "b").unlink()

    assert await store.sweep(timedelta(hours=1)) == 0
    assert await store.sweep(timedelta(0)) == 1
    assert (await store.stat(UPLOAD_STAGING, "a")).sha256 is not None


async def test_an_old_upload_that_still_grows_is_not_swept(store: LocalStore, root: Path) -> None:
    growing = root / ".partial" / "x"
    growing.write_bytes(b".")
    os.utime(growing, (time.time() - 7200, time.time() - 30))

    assert await store.sweep(timedelta(minutes=1)) == 0
    assert await store.sweep(timedelta(seconds=10)) == 1


async def test_two_stores_may_share_a_folder(store: LocalStore, root: Path) -> None:
    other = LocalStore(root, public_url="http://127.0.0.1", signing_secret="secret")
    stored = await store.put(UPLOAD_STAGING, "a", b"shared")

    assert await read(other, "a") == b"shared"
    assert (await other.stat(UPLOAD_STAGING, "a")).sha256 == stored.sha256


async def test_a_folder_that_cannot_be_made_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b".")

    with pytest.raises(StoreUnavailable):
        LocalStore(tmp_path / "file" / "objects", public_url="http://127.0.0.1", signing_secret="secret")


async def test_a_folder_that_was_taken_away_is_not_ready(store: LocalStore, root: Path) -> None:
    (root / ".partial").rmdir()

    assert not await store.ready()
    with pytest.raises(StoreUnavailable):
        await store.put(UPLOAD_STAGING, "a", b".")
