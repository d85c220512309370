"""Models of the trainer's API on its disk: fetched once, verified, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.trainer.serving.cache import ArtifactCache
from shared.events.payloads import Reference
from shared.storage.errors import ChecksumMismatch
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.open import open_store


class Counting:
    """A service as the cache needs it: a store that counts what is read of it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.reads = 0

    @property
    def store(self) -> Counting:
        return self

    def get(self, *values: Any, **more: Any) -> AsyncGenerator[bytes, None]:
        self.reads += 1
        found: AsyncGenerator[bytes, None] = self._store.get(*values, **more)
        return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Any]:
    async with open_store(f"file://{tmp_path}/store", public_url="http://x", signing_secret="s" * 32) as opened:
        yield opened


async def put(store: Any, name: str, content: bytes) -> Reference:
    reference: Reference = (await store.put(ML_ARTIFACTS, f"models/{name}", content)).reference
    return reference


@pytest.fixture
async def service(store: Any) -> Counting:
    return Counting(store)


@pytest.fixture
async def cache(service: Counting) -> AsyncIterator[ArtifactCache]:
    made = ArtifactCache(service, 100)  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.stop()


async def test_an_object_is_fetched_once_however_many_want_it_at_once(
    cache: ArtifactCache, service: Counting, store: Any, tmp_path: Path
) -> None:
    model = await put(store, "a", b"model")

    await asyncio.gather(*(cache.lend({"model.npz": model}, tmp_path / str(number)) for number in range(8)))

    assert service.reads == 1
    assert {(tmp_path / str(number) / "model.npz").read_bytes() for number in range(8)} == {b"model"}


async def test_an_object_that_is_not_what_the_row_says_is_never_lent(
    cache: ArtifactCache, store: Any, tmp_path: Path
) -> None:
    model = await put(store, "a", b"model")
    await put(store, "a", b"other")

    for _ in range(2):
        with pytest.raises(ChecksumMismatch):
            await cache.lend({"model.npz": model}, tmp_path / "lent")
    assert list((tmp_path / "lent").iterdir()) == []


async def test_those_longest_unused_go_and_what_was_lent_stays(
    cache: ArtifactCache, service: Counting, store: Any, tmp_path: Path
) -> None:
    first, second, third = [await put(store, name, name.encode() * 40) for name in "abc"]
    for reference, folder in ((first, "1"), (second, "2"), (first, "3"), (third, "4")):
        await cache.lend({"model.npz": reference}, tmp_path / folder)

    assert service.reads == 3
    assert (tmp_path / "2" / "model.npz").read_bytes() == b"b" * 40
    await cache.lend({"model.npz": first}, tmp_path / "5")
    assert service.reads == 3
    await cache.lend({"model.npz": second}, tmp_path / "6")
    assert service.reads == 4


async def test_what_somebody_cleared_from_the_disk_is_fetched_again(
    cache: ArtifactCache, service: Counting, store: Any, tmp_path: Path
) -> None:
    model = await put(store, "a", b"model")
    await cache.lend({"model.npz": model}, tmp_path / "1")
    assert cache._folder is not None
    (Path(cache._folder.name) / model.sha256).unlink()

    await cache.lend({"model.npz": model}, tmp_path / "2")

    assert service.reads == 2
