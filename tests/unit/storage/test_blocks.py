"""Streams cut into blocks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.blocks import Tally, blocks
from shared.storage.errors import ChecksumMismatch


async def stream(chunks: list[bytes]) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
async def test_blocks_are_full_but_for_the_last_and_lose_nothing(chunks: list[bytes], size: int) -> None:
    whole = b"".join(chunks)

    of_stream = [block async for block in blocks(stream(chunks), size)]

    assert b"".join(of_stream) == whole
    assert all(len(block) == size for block in of_stream[:-1])
    assert all(0 < len(block) <= size for block in of_stream)
    assert of_stream == [block async for block in blocks(whole, size)]


async def test_a_block_is_given_as_soon_as_it_is_full() -> None:
    async def two_then_fail() -> AsyncGenerator[bytes, None]:
        yield b"abcd"
        raise AssertionError("read ahead")

    source = blocks(two_then_fail(), 2)

    assert [await anext(source), await anext(source)] == [b"ab", b"cd"]


def test_a_tally_counts_and_hashes() -> None:
    tally = Tally()
    tally.add(b"ab")
    tally.add(b"c")

    assert (tally.size, tally.sha256) == (3, hashlib.sha256(b"abc").hexdigest())
    tally.verify("bucket", "key", 3, tally.sha256)
    tally.verify("bucket", "key", 3, None)


@pytest.mark.parametrize(("size", "sha256"), [(4, None), (3, hashlib.sha256(b"abd").hexdigest())])
def test_a_tally_finds_what_differs(size: int, sha256: str | None) -> None:
    tally = Tally()
    tally.add(b"abc")

    with pytest.raises(ChecksumMismatch):
        tally.verify("bucket", "key", size, sha256)
