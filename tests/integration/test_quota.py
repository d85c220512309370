"""Fair use: a storage quota that no race gets around."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.upload.app import create_app as upload_app
from shared.database.pool import Database
from shared.storage.keys import TRAINING_FILES, UPLOAD_STAGING
from tests.integration.apps import caller, running, settings_for
from tests.integration.chain import write_series
from tests.integration.chunks import chunk
from tests.integration.test_sessions import objects, uploaded_session
from tests.waiting import until

pytestmark = pytest.mark.integration

QUOTA = 1_000_000


@pytest.fixture(scope="module")
async def generous(servers: LocalServers) -> AsyncIterator[list[FastAPI]]:
    """Two upload replicas with a small quota, that may be asked often."""
    settings = settings_for(servers, storage_quota_bytes=QUOTA)
    made = [upload_app(settings), upload_app(settings)]
    async with running(made[0]), running(made[1]):
        yield made


async def announce(client: httpx.AsyncClient, size: int) -> httpx.Response:
    return await client.post("/api/training/uploads", json={"fileName": "load.csv", "size": size, "totalChunks": 1})


async def sizes(application: FastAPI, bucket: str, folder: str) -> list[int]:
    """Bytes of each object in this folder of the store."""
    return [found.size async for found in application.state.service.store.list(bucket, folder)]


async def test_f38_parallel_uploads_cannot_get_past_the_quota(
    generous: list[FastAPI], servers: LocalServers, user_id: UUID
) -> None:
    """Announced at the same instant through both replicas, as many are taken as fit; the others are told why."""
    async with caller(generous[0], servers, user_id) as one, caller(generous[1], servers, user_id) as other:
        size = QUOTA // 10
        answers = await asyncio.gather(*(announce((one, other)[n % 2], size) for n in range(30)))
        assert sorted(answer.status_code for answer in answers) == [201] * 10 + [413] * 20
        refused = next(answer for answer in answers if answer.status_code == 413).json()
        assert refused["category"] == "RESOURCE_EXHAUSTION"
        assert refused["technical_details"] == {
            "quota_bytes": QUOTA,
            "used_bytes": QUOTA,
            "requested_bytes": size,
        }
        assert str(QUOTA) in refused["detail"]
        given_up = next(answer for answer in answers if answer.status_code == 201).json()["uploadId"]
        assert (await one.delete(f"/api/training/uploads/{given_up}")).status_code == 204
        assert (await other.get("/api/training/usage")).json()["storageUsedBytes"] == QUOTA - size
        assert (await announce(other, size)).status_code == 201
        assert (await announce(one, size)).status_code == 413
    async with caller(generous[0], servers) as somebody_else:
        assert (await announce(somebody_else, size)).status_code == 201


async def test_f38_chunks_of_unannounced_size_cannot_get_past_the_quota(
    generous: list[FastAPI], servers: LocalServers, database: Database, user_id: UUID
) -> None:
    upload_ids = [uuid4().hex for _ in range(4)]
    data = b"x" * (QUOTA // 10)
    async with caller(generous[0], servers, user_id) as one, caller(generous[1], servers, user_id) as other:
        answers = await asyncio.gather(
            *(chunk((one, other)[n % 2], upload_ids[n % 4], n // 4, 99, data) for n in range(32))
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 10 + [413] * 22
    async with database.transaction() as transaction:
        storage_ids = await transaction.fetch("select storage_id from uploads where user_id = $1", user_id)
    stored = [await sizes(generous[0], UPLOAD_STAGING, str(row["storage_id"])) for row in storage_ids]
    assert sum(len(found) for found in stored) == 10, "what was refused is not left in staging"


async def test_f50_the_use_is_the_size_of_the_objects_and_comes_back_with_their_deletion(
    generous: list[FastAPI], servers: LocalServers, user_id: UUID, tmp_path: Path
) -> None:
    async with caller(generous[0], servers, user_id) as client:

        async def used() -> int:
            told: int = (await client.get("/api/training/usage")).json()["storageUsedBytes"]
            return told

        assert await used() == 0
        session_id = await uploaded_session(client, write_series(tmp_path, hours=48)[0].read_bytes())
        stored = await sizes(generous[0], TRAINING_FILES, str(user_id))
        assert (len(stored), await used()) == (2, sum(stored)), "the raw file and its canonical copy"
        await client.delete(f"/api/training/sessions/{session_id}")

        async def nothing() -> bool:
            return await used() == 0

        await until(nothing, what="the storage is free again")


async def test_uploads_under_way_are_listed_and_given_up_by_their_owner_alone(
    generous: list[FastAPI], servers: LocalServers, database: Database, user_id: UUID
) -> None:
    """A client that lost its upload ids finds them again; what is given up is gone with its bytes."""
    async with caller(generous[0], servers, user_id) as client, caller(generous[1], servers) as stranger:
        made = [(await announce(client, 100)).json()["uploadId"] for _ in range(3)]
        await chunk(client, made[0], 0, 1, b"time;load\n")
        first = (await client.get("/api/training/uploads", params={"limit": 2})).json()
        second = (await client.get("/api/training/uploads", params={"cursor": first["nextCursor"]})).json()
        assert [item["uploadId"] for item in first["items"] + second["items"]] == made[::-1]
        assert second["nextCursor"] is None
        assert (await stranger.get("/api/training/uploads")).json()["items"] == []
        assert (await stranger.delete(f"/api/training/uploads/{made[0]}")).status_code == 404
        async with database.transaction() as transaction:
            storage_id = await transaction.fetch_value("select storage_id from uploads where upload_id = $1", made[1])
        assert (await client.delete(f"/api/training/uploads/{made[1]}")).status_code == 204
        assert (await client.get(f"/api/training/upload-status/{made[1]}")).status_code == 404
        await until(lambda: not objects(servers, str(storage_id)), what="its bytes are gone")
