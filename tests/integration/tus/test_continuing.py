"""tus 1.0.0: offsets, turns, checksums and broken connections; each request reaches another replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.requests import ClientDisconnect

from foretide.stack.servers import LocalServers
from services.upload.tus import receiving
from services.upload.tus.body import Body
from shared.database.pool import Database
from tests.integration.tus.exchange import (
    BODY,
    MEBIBYTE,
    PATH,
    SlowRequest,
    append,
    begin,
    checksum,
    has_reached,
    metadata,
    offset_of,
    series,
    sha256,
    staged,
    store_of,
    stored_sha256,
    turn_of,
    user_of,
)
from tests.waiting import until

pytestmark = pytest.mark.integration

DATA = series(300_000)
LONG = series(10 * MEBIBYTE)


async def test_head_says_what_is_there_and_is_never_cached(client: httpx.AsyncClient) -> None:
    described = {"filename": "load.csv", "filetype": "text/csv", "colour": "blue"}
    path = await begin(client, 10, **described)
    answer = await client.head(path)
    assert answer.headers["Upload-Offset"] == "0"
    assert answer.headers["Upload-Length"] == "10"
    assert answer.headers["Upload-Metadata"] == metadata(**described)
    assert answer.headers["Cache-Control"] == "no-store"
    expires = parsedate_to_datetime(answer.headers["Upload-Expires"])
    assert timedelta(hours=23) < expires - datetime.now(UTC) < timedelta(hours=25)


async def test_a_wrong_offset_is_a_conflict_and_changes_nothing(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA))
    assert (await append(client, path, 0, DATA[:1000])).status_code == 204
    for offset in (0, 999, 1001, len(DATA)):
        answer = await append(client, path, offset, DATA[:1000])
        assert answer.status_code == 409, answer.text
        assert "1000" in answer.json()["detail"]
    assert await offset_of(client, path) == 1000


async def test_f05_of_requests_at_one_offset_at_the_same_instant_one_wins(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA))
    offset = 0
    while offset < len(DATA):
        piece = DATA[offset : offset + 100_000]
        answers = await asyncio.gather(*(append(client, path, offset, piece) for _ in range(6)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 204
        assert set(statuses[1:]) <= {409, 423}, [answer.text for answer in answers]
        offset += len(piece)
        assert await offset_of(client, path) == offset
    assert await stored_sha256(client, path) == sha256(DATA)


async def test_a_connection_that_hangs_loses_its_turn_to_the_one_that_continues(
    client: httpx.AsyncClient, servers: LocalServers, database: Database
) -> None:
    before = staged(servers)
    path = await begin(client, len(DATA))
    begun = await turn_of(database, path)

    async def is_taken() -> bool:
        return await turn_of(database, path) != begun

    hanging = await SlowRequest.begin(client, path, 0, len(DATA))
    await hanging.send(b"time;something else\n")
    await until(is_taken, what="the first request is at it")
    assert (await append(client, path, 0, DATA[:5000])).status_code == 204
    await hanging.send(bytes(len(DATA) - 20))
    assert await hanging.status() == 423
    hanging.break_off()
    assert len(staged(servers) - before) == 1, "the part of the one that continued"
    assert await offset_of(client, path) == 5000
    assert (await append(client, path, 5000, DATA[5000:])).status_code == 204
    assert await stored_sha256(client, path) == sha256(DATA)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_wrong_checksum_is_460_and_nothing_of_the_body_is_kept(
    client: httpx.AsyncClient, servers: LocalServers, algorithm: str
) -> None:
    path = await begin(client, len(LONG))
    assert (await append(client, path, 0, LONG[:100], **checksum(LONG[:100], algorithm))).status_code == 204
    before = staged(servers)
    body = LONG[100 : 6 * MEBIBYTE]
    answer = await append(client, path, 100, body[:-1] + b"?", **checksum(body, algorithm))
    assert answer.status_code == 460
    assert algorithm in answer.json()["detail"]
    assert await offset_of(client, path) == 100
    assert staged(servers) <= before
    assert (await append(client, path, 100, body, **checksum(body, algorithm))).status_code == 204
    assert await offset_of(client, path) == 6 * MEBIBYTE


async def test_an_upload_that_began_with_a_wrong_checksum_is_gone(
    client: httpx.AsyncClient, servers: LocalServers, database: Database
) -> None:
    before = staged(servers)
    answer = await client.post(
        PATH, content=b"time;load", headers={"Upload-Length": "100", **BODY, **checksum(b"time;lead")}
    )
    assert answer.status_code == 460
    assert staged(servers) <= before
    async with database.transaction(user_of(client)) as transaction:
        assert await transaction.fetch_value("select count(*) from public.uploads") == 0


async def test_a_broken_off_request_is_continued_where_it_was_kept(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(LONG))
    request = await SlowRequest.begin(client, path, 0, len(LONG))
    await request.send(LONG[: receiving.PART_BYTES + 12_345])
    await until(lambda: has_reached(client, path, receiving.PART_BYTES), what="the first part is kept")
    request.break_off()

    async def continued() -> bool:
        kept = await offset_of(client, path)
        assert kept >= receiving.PART_BYTES
        return (await append(client, path, kept, LONG[kept:])).status_code == 204

    await until(continued, what="continued, once the server has seen the break")
    assert await stored_sha256(client, path) == sha256(LONG)


async def test_the_last_bytes_before_a_break_are_kept_too(
    client: httpx.AsyncClient, servers: LocalServers, database: Database
) -> None:
    async def broken_off() -> AsyncIterator[bytes]:
        yield DATA[:1000]
        yield DATA[1000:1234]
        raise ClientDisconnect

    path = await begin(client, len(DATA))
    upload = await receiving.take_turn(database, user_of(client), path.rpartition("/")[2], 0)
    assert await receiving.receive(database, store_of(servers), upload, Body(broken_off()), None) == 1234
    assert await offset_of(client, path) == 1234


async def test_a_broken_off_request_with_a_checksum_keeps_nothing(
    client: httpx.AsyncClient, servers: LocalServers
) -> None:
    path = await begin(client, len(LONG))
    before = staged(servers)
    request = await SlowRequest.begin(client, path, 0, len(LONG), **checksum(LONG))
    await request.send(LONG[: 2 * receiving.PART_BYTES])
    await until(lambda: staged(servers) > before, what="the first part is staged")
    request.break_off()
    await until(lambda: staged(servers) <= before, what="it is removed again")
    assert await offset_of(client, path) == 0
