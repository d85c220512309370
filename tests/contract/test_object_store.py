"""What every object store does, whichever it is."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.storage.errors import ChecksumMismatch, InvalidKey, InvalidRange, ObjectNotFound, StoreRefused
from shared.storage.keys import TRAINING_RESULTS, UPLOAD_STAGING
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file

MEBIBYTE = 1024 * 1024
EVERY_ALLOWED_CHARACTER = "AZaz09_!.*'() &$=@;:+,?-"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def read(store: ObjectStore, key: str, **how: object) -> bytes:
    async with aclosing(store.get(UPLOAD_STAGING, key, **how)) as stream:  # type: ignore[arg-type]
        return b"".join([block async for block in stream])


async def keys_in(store: ObjectStore, prefix: str) -> list[str]:
    return sorted([found.key async for found in store.list(UPLOAD_STAGING, prefix)])


async def mebibytes(count: int, chunk: int = MEBIBYTE) -> AsyncIterator[bytes]:
    pattern = bytes(range(256)) * (chunk // 256)
    for _ in range(count * MEBIBYTE // chunk):
        yield pattern


async def one_chunk(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE + 1, 8 * MEBIBYTE, 20 * MEBIBYTE])
async def test_an_object_comes_back_as_it_was_put(store: ObjectStore, folder: str, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]

    stored = await store.put(UPLOAD_STAGING, f"{folder}/a", one_chunk(data), content_type="text/csv")

    assert (stored.bucket, stored.key, stored.size) == (UPLOAD_STAGING, f"{folder}/a", size)
    assert (stored.sha256, stored.content_type) == (sha256(data), "text/csv")
    assert await read(store, f"{folder}/a", expected_sha256=stored.sha256) == data


async def test_stat_and_list_know_what_was_put(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a.csv", b"time,value\n", content_type="text/csv")

    info = await store.stat(UPLOAD_STAGING, f"{folder}/a.csv")
    assert (info.size, info.content_type, info.sha256) == (11, "text/csv", sha256(b"time,value\n"))
    assert abs(datetime.now(UTC) - info.modified_at) < timedelta(minutes=1)
    [listed] = [found async for found in store.list(UPLOAD_STAGING, folder)]
    assert (listed.key, listed.size) == (info.key, 11)
    assert abs(listed.modified_at - info.modified_at) < timedelta(seconds=2)


async def test_a_stat_of_many_parts_knows_the_right_checksum_or_none(store: ObjectStore, folder: str) -> None:
    stored = await store.put(UPLOAD_STAGING, f"{folder}/a", mebibytes(17))

    info = await store.stat(UPLOAD_STAGING, f"{folder}/a")

    assert info.size == 17 * MEBIBYTE
    assert info.sha256 in (None, stored.sha256)


async def test_every_allowed_character_of_a_key_is_kept(store: ObjectStore, folder: str) -> None:
    key = f"{folder}/{EVERY_ALLOWED_CHARACTER}/{EVERY_ALLOWED_CHARACTER}"
    await store.put(UPLOAD_STAGING, key, b"kept")

    assert await read(store, key) == b"kept"
    assert await keys_in(store, folder) == [key]
    await store.delete_many(UPLOAD_STAGING, [key])
    assert await keys_in(store, folder) == []


async def test_files_go_in_and_come_out(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"line\n" * 500_000)

    stored = await put_file(store, UPLOAD_STAGING, f"{folder}/a", source, content_type="text/csv")
    await get_file(store, UPLOAD_STAGING, f"{folder}/a", target, expected_sha256=stored.sha256)

    assert target.read_bytes() == source.read_bytes()


async def test_a_damaged_download_leaves_the_target_file_alone(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"from before")
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"not what was expected")

    with pytest.raises(ChecksumMismatch):
        await get_file(store, UPLOAD_STAGING, f"{folder}/a", target, expected_sha256=sha256(b"expected"))

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["target"]
    assert target.read_bytes() == b"from before"


@pytest.mark.parametrize("chunk", [64 * 1024, 32 * MEBIBYTE])
async def test_memory_does_not_grow_with_the_object(store: ObjectStore, folder: str, chunk: int) -> None:
    size = 96
    tracemalloc.start()
    try:
        await store.put(UPLOAD_STAGING, f"{folder}/a", mebibytes(size, chunk))
        tracemalloc.reset_peak()
        read_back = 0
        async for block in store.get(UPLOAD_STAGING, f"{folder}/a"):
            read_back += len(block)
        _, peak_of_get = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read_back == size * MEBIBYTE
    assert peak_of_get < 16 * MEBIBYTE + chunk


async def test_memory_of_a_put_is_a_few_parts(store: ObjectStore, folder: str) -> None:
    tracemalloc.start()
    try:
        await store.put(UPLOAD_STAGING, f"{folder}/a", mebibytes(96))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 * MEBIBYTE


async def test_f46_a_reader_sees_the_old_or_the_new_object_whole(store: ObjectStore, folder: str) -> None:
    key, versions = f"{folder}/a", [b"a" * 300_000, b"b" * 500_000]
    await store.put(UPLOAD_STAGING, key, versions[0])
    finished = asyncio.Event()

    async def overwrite() -> None:
        for number in range(1, 30):
            await store.put(UPLOAD_STAGING, key, one_chunk(versions[number % 2]))
        finished.set()

    async def look() -> set[bytes]:
        seen = set()
        while not finished.is_set():
            seen.add(await read(store, key))
        return seen

    _, *seen = await asyncio.gather(overwrite(), look(), look())
    assert set().union(*seen) <= set(versions)
    assert await read(store, key) == versions[1]
    assert (await store.stat(UPLOAD_STAGING, key)).sha256 == sha256(versions[1])


@pytest.mark.parametrize("mebibytes_before", [0, 1, 20])
async def test_a_stream_that_fails_leaves_nothing(store: ObjectStore, folder: str, mebibytes_before: int) -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        async for chunk in mebibytes(mebibytes_before):
            yield chunk
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError, match="the sender went away"):
        await store.put(UPLOAD_STAGING, f"{folder}/a", failing())

    assert await keys_in(store, folder) == []
    assert await store.sweep(timedelta(0)) == 0


async def test_a_stream_that_fails_leaves_the_old_object(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"old")

    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"new"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(UPLOAD_STAGING, f"{folder}/a", failing())

    assert await read(store, f"{folder}/a") == b"old"


async def test_a_cancelled_put_leaves_nothing(store: ObjectStore, folder: str) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        async for chunk in mebibytes(9):
            yield chunk
        waiting.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(store.put(UPLOAD_STAGING, f"{folder}/a", endless()))
    await asyncio.wait_for(waiting.wait(), 20)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    assert await keys_in(store, folder) == []
    assert await store.sweep(timedelta(0)) == 0


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 4, b"0123"), (3, 7, b"3456"), (9, None, b"9"), (4, 1000, b"456789"), (0, 1000, b"0123456789")],
)
async def test_a_range_is_half_open(
    store: ObjectStore, folder: str, start: int, end: int | None, expected: bytes
) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"0123456789")

    assert await read(store, f"{folder}/a", start=start, end=end) == expected


@pytest.mark.parametrize(("start", "end"), [(10, None), (11, 20), (-1, None), (5, 5), (5, 3)])
async def test_a_range_without_bytes_is_refused(store: ObjectStore, folder: str, start: int, end: int | None) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"0123456789")

    with pytest.raises(InvalidRange) as refused:
        await read(store, f"{folder}/a", start=start, end=end)
    assert refused.value.problem.status == 416


async def test_the_first_bytes_of_an_empty_object_are_none(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"")

    assert await read(store, f"{folder}/a", start=0, end=100) == b""


async def test_a_reader_may_stop_early(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", mebibytes(20))

    for _ in range(40):
        async with aclosing(store.get(UPLOAD_STAGING, f"{folder}/a")) as stream:
            assert await anext(stream)


async def test_f47_more_objects_than_a_page_are_listed_and_deleted(store: ObjectStore, folder: str) -> None:
    keys = [f"{folder}/{number % 7}/{number}" for number in range(1100)]
    at_once = asyncio.Semaphore(16)

    async def put(key: str) -> None:
        async with at_once:
            await store.put(UPLOAD_STAGING, key, b".")

    await asyncio.gather(*(put(key) for key in keys))

    assert await keys_in(store, folder) == sorted(keys)
    assert await store.delete_prefix(UPLOAD_STAGING, folder) == 1100
    assert await keys_in(store, folder) == []


async def test_a_prefix_is_a_folder_and_not_its_siblings(store: ObjectStore, folder: str) -> None:
    for name in ("1/a", "1/b/c", "10/a", "1.csv"):
        await store.put(UPLOAD_STAGING, f"{folder}/{name}", b".")

    assert await keys_in(store, f"{folder}/1/") == [f"{folder}/1/a", f"{folder}/1/b/c"]
    assert await store.delete_prefix(UPLOAD_STAGING, f"{folder}/1") == 2
    assert await keys_in(store, folder) == [f"{folder}/1.csv", f"{folder}/10/a"]


async def test_some_of_a_folder_are_deleted_and_the_others_stay(store: ObjectStore, folder: str) -> None:
    for name in ("a.csv", "a.png", "b/c.png"):
        await store.put(UPLOAD_STAGING, f"{folder}/{name}", b".")

    assert await store.delete_prefix(UPLOAD_STAGING, folder, only=lambda key: key.endswith(".png")) == 2
    assert await keys_in(store, folder) == [f"{folder}/a.csv"]


async def test_f47_a_deletion_looks_that_nothing_is_left(
    store: ObjectStore, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a writer was just finishing goes, too; what the store keeps against its word is not taken for deleted."""
    await store.put(UPLOAD_STAGING, f"{folder}/a", b".")
    delete_many = store.delete_many

    async def finished_late(bucket: str, keys: list[str]) -> None:
        await delete_many(bucket, keys)
        if f"{folder}/a" in keys:
            await store.put(UPLOAD_STAGING, f"{folder}/late", b".")

    monkeypatch.setattr(store, "delete_many", finished_late)
    assert await store.delete_prefix(UPLOAD_STAGING, folder) == 2
    assert await keys_in(store, folder) == []

    async def kept(bucket: str, keys: list[str]) -> None:
        """Says yes and does nothing."""

    await store.put(UPLOAD_STAGING, f"{folder}/a", b".")
    monkeypatch.setattr(store, "delete_many", kept)
    with pytest.raises(StoreRefused) as refused:
        await store.delete_prefix(UPLOAD_STAGING, folder)
    assert refused.value.retryable


async def test_f53_no_prefix_deletes_a_whole_bucket(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b".")

    with pytest.raises(InvalidKey):
        await store.delete_prefix(UPLOAD_STAGING, "")

    assert f"{folder}/a" in await keys_in(store, "")


async def test_deleting_what_is_not_there_is_fine(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b".")

    await store.delete_many(UPLOAD_STAGING, [f"{folder}/a", f"{folder}/never", f"{folder}/a/b"])
    await store.delete_many(UPLOAD_STAGING, [])

    assert await keys_in(store, folder) == []
    assert await store.delete_prefix(UPLOAD_STAGING, folder) == 0


async def test_an_unknown_object_is_not_found(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a/b", b".")

    for key in (f"{folder}/never", f"{folder}/a", f"{folder}/a/b/c"):
        with pytest.raises(ObjectNotFound):
            await read(store, key)
        with pytest.raises(ObjectNotFound):
            await store.stat(UPLOAD_STAGING, key)


async def test_an_object_of_another_bucket_is_not_found(store: ObjectStore, folder: str) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b".")

    with pytest.raises(ObjectNotFound):
        await store.stat(TRAINING_RESULTS, f"{folder}/a")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "ü", "a\x00", "a%2e", "a\\b"])
async def test_f55_a_bad_key_is_refused_before_anything_is_read_or_written(store: ObjectStore, key: str) -> None:
    async def untouched() -> AsyncGenerator[bytes, None]:
        pytest.fail("the stream was read")
        yield b""

    with pytest.raises(InvalidKey):
        await store.put(UPLOAD_STAGING, key, untouched())
    with pytest.raises(InvalidKey):
        await read(store, key)
    with pytest.raises(InvalidKey):
        await store.stat(UPLOAD_STAGING, key)
    with pytest.raises(InvalidKey):
        await store.delete_many(UPLOAD_STAGING, ["fine", key])
    with pytest.raises(InvalidKey):
        await store.signed_url(UPLOAD_STAGING, key)


@pytest.mark.parametrize("bucket", ["", "..", ".meta", "somebody-elses"])
async def test_a_bucket_that_is_not_ours_is_refused(store: ObjectStore, bucket: str) -> None:
    with pytest.raises(InvalidKey):
        await store.put(bucket, "a", b".")
    with pytest.raises(InvalidKey):
        _ = [found async for found in store.list(bucket)]


async def test_a_read_that_differs_from_the_expected_checksum_is_not_passed_off_as_whole(
    store: ObjectStore, folder: str
) -> None:
    await store.put(UPLOAD_STAGING, f"{folder}/a", b"what is there")

    with pytest.raises(ChecksumMismatch):
        await read(store, f"{folder}/a", expected_sha256=sha256(b"what should be there"))


async def test_an_open_store_is_ready(store: ObjectStore) -> None:
    assert await store.ready()
