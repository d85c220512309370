"""tus over servers that are killed in the middle, with the official client and byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from tests.integration.apps import ServiceProcess, settings_for
from tests.integration.gateway.servers import gateway
from tests.integration.tus.conftest import LARGEST, Behind
from tests.integration.tus.exchange import (
    MEBIBYTE,
    SlowRequest,
    append,
    begin,
    offset_of,
    series,
    sha256,
    stored_sha256,
)
from tests.integration.tus.tus_js import CHUNK, DATA, Told, of, path_of, tus_js, uploaded_by_tus_js
from tests.waiting import until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def killable(servers: LocalServers, behind: Behind) -> AsyncIterator[tuple[ServiceProcess, httpx.AsyncClient]]:
    """An upload service in a process of its own behind a gateway of its own, and a client of it."""
    process = ServiceProcess("upload", settings_for(servers, max_file_bytes=LARGEST))
    async with (
        process,
        gateway(upstreams={"upload": [process.url]}) as url,
        Behind(url, servers).client() as client,
    ):
        yield process, client


async def test_a_server_killed_in_the_middle_of_a_request_has_kept_what_it_had_written_down(
    servers: LocalServers, behind: Behind, tmp_path: Path
) -> None:
    data = series(10 * MEBIBYTE)
    file = tmp_path / "long.csv"
    file.write_bytes(data)
    async with killable(servers, behind) as (process, client):
        path = await begin(client, len(data), filename="long.csv")
        request = await SlowRequest.begin(client, path, 0, len(data))
        await request.send(data[: 5 * MEBIBYTE])

        async def kept() -> int:
            return await offset_of(client, path)

        await until(kept, what="a part was written down")
        await process.kill()
        request.break_off()
        await process.start()
        assert await kept() == 4 * MEBIBYTE
        told = await uploaded_by_tus_js(client, file, uploadUrl=str(client.base_url.join(path)), chunkSize=MEBIBYTE)
        assert of(told, "answer")[0]["offset"] == 4 * MEBIBYTE
        assert told[-1]["event"] == "success"
        assert await stored_sha256(client, path) == sha256(data)


async def test_a_client_gets_over_a_server_that_is_killed_and_started_again(
    servers: LocalServers, behind: Behind, file: Path
) -> None:
    half = len(DATA) // 2 // CHUNK * CHUNK
    async with (
        killable(servers, behind) as (process, client),
        tus_js(client, file, retryDelays=[100] * 20) as told,
        asyncio.timeout(180),
    ):
        heard: Told = []
        async for event in told:
            heard.append(event)
            if event["event"] == "accepted" and event["bytes"] == half:
                await process.kill()
                await process.start()
            # Node may linger: an answer that came before its request was sent to the end keeps a connection.
            if event["event"] in ("success", "error"):
                break
        assert heard[-1]["event"] == "success", heard[-1]
        answers = of(heard, "answer")
        assert [answer["method"] for answer in answers].count("POST") == 1, "it was not begun anew"
        asked = next(answer for answer in answers if answer["method"] == "HEAD")
        assert asked["offset"] >= half
        assert await stored_sha256(client, path_of(heard)) == sha256(DATA)


async def test_a_server_killed_after_the_last_byte_reads_the_file_when_the_session_is_made(
    servers: LocalServers, behind: Behind, database: Database
) -> None:
    async with killable(servers, behind) as (process, client):
        data = series(16 * MEBIBYTE)  # long enough to read for the kill to come in time
        path = await begin(client, len(data))
        assert (await append(client, path, 0, data[:-1])).status_code == 204
        last = asyncio.create_task(append(client, path, len(data) - 1, data[-1:]))

        async def whole() -> bool:
            async with database.transaction() as transaction:
                return await transaction.fetch_value(
                    "select received = size and status <> 'completed' from public.uploads where upload_id = $1",
                    path.rpartition("/")[2],
                )

        await until(whole, what="the last byte is there and the file is not read yet")
        await process.kill()
        await asyncio.gather(last, return_exceptions=True)
        await process.start()
        assert await stored_sha256(client, path) == sha256(data)
