"""Bodies that end, bodies that are broken off, and bodies of which nothing more is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from services.upload.tus.body import Body


async def sent(*blocks: bytes, ends: str = "whole") -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    if ends == "cut":
        raise ClientDisconnect
    if ends == "silent":
        await asyncio.Event().wait()


async def test_a_whole_body_is_whole() -> None:
    body = Body(sent(b"time;", b"load"))
    assert [block async for block in body] == [b"time;", b"load"]
    assert not body.broken_off


async def test_what_came_before_the_client_left_is_kept_and_the_break_is_told() -> None:
    body = Body(sent(b"time;", b"lo", ends="cut"))
    assert [block async for block in body] == [b"time;", b"lo"]
    assert body.broken_off


async def test_a_client_that_falls_silent_has_left() -> None:
    body = Body(sent(b"time;", ends="silent"), silence_seconds=0.01)
    assert [block async for block in body] == [b"time;"]
    assert body.broken_off
