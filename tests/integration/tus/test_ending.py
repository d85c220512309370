"""tus 1.0.0: uploads that are terminated or expire, with their bytes."""

from __future__ import annotations

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.upload import housekeeping
from shared.database.pool import Database
from tests.integration.tus.exchange import (
    MEBIBYTE,
    append,
    begin,
    series,
    staged,
    store_of,
    stored_sha256,
)

pytestmark = pytest.mark.integration

DATA = series(300_000)
LONG = series(10 * MEBIBYTE)


async def test_a_terminated_upload_is_gone_with_its_bytes(client: httpx.AsyncClient, servers: LocalServers) -> None:
    before = staged(servers)
    path = await begin(client, len(DATA))
    assert (await append(client, path, 0, DATA[:1000])).status_code == 204
    assert staged(servers) > before
    assert (await client.delete(path)).status_code == 204
    assert staged(servers) <= before
    assert (await client.head(path)).status_code == 404
    assert (await append(client, path, 1000, DATA[1000:])).status_code == 404
    assert (await client.delete(path)).status_code == 404


async def test_what_is_in_a_session_is_not_terminated(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA))
    await append(client, path, 0, DATA)
    await stored_sha256(client, path)
    assert (await client.delete(path)).status_code == 409


async def test_an_expired_upload_is_gone_at_once_and_its_bytes_with_the_next_sweep(
    client: httpx.AsyncClient, servers: LocalServers, database: Database
) -> None:
    before = staged(servers)
    path = await begin(client, len(DATA))
    assert (await append(client, path, 0, DATA[:1000])).status_code == 204
    async with database.transaction() as transaction:
        await transaction.execute(
            "update public.uploads set expires_at = now() - interval '1 second' where upload_id = $1",
            path.rpartition("/")[2],
        )
    gone = [await client.head(path), await append(client, path, 1000, DATA[1000:]), await client.delete(path)]
    assert {answer.status_code for answer in gone} == {410}
    await housekeeping.expire_uploads(database, store_of(servers))
    assert (await client.head(path)).status_code == 404
    assert staged(servers) <= before
