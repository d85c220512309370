"""``Idempotency-Key``: one mechanism for every POST that creates or starts something."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.dataset.app import create_api as dataset_api
from services.notifier.app import create_api as notifier_api
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.database.pool import Database
from shared.runtime.service import Service
from tests.integration.apps import caller, settings_for
from tests.integration.chain import write_series
from tests.waiting import until

pytestmark = pytest.mark.integration

BODY = {"fileName": "load.csv", "size": 10, "totalChunks": 1}
REPEATABLE_BY_NATURE = {"/api/training/upload-chunk", "/api/training/tus/", "/api/training/forecast/{sessionId}"}
"""Chunks are known by their upload and index; a tus upload that nobody knows expires; a forecast changes nothing."""


async def post(client: httpx.AsyncClient, key: str, **changes: object) -> httpx.Response:
    return await client.post("/api/training/uploads", json={**BODY, **changes}, headers={"Idempotency-Key": key})


async def uploads(database: Database, user_id: UUID) -> int:
    async with database.transaction() as transaction:
        count: int = await transaction.fetch_value("select count(*) from uploads where user_id = $1", user_id)
        return count


def test_every_post_takes_a_key(servers: LocalServers) -> None:
    settings = settings_for(servers)
    missing = []
    notifier = notifier_api(Service("notifier", settings))
    for application in (upload_app(settings), dataset_api(settings), trainer_api(settings), notifier):
        for path, item in application.openapi()["paths"].items():
            if "post" in item and path not in REPEATABLE_BY_NATURE:
                names = {parameter["name"] for parameter in item["post"].get("parameters", [])}
                missing += [path] if "Idempotency-Key" not in names else []
    assert missing == []


async def test_f24_the_same_request_is_done_once_and_answered_alike(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    first, second = await post(client, "a"), await post(client, "a")
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 201
    assert await uploads(database, user_id) == 1
    assert (await post(client, "b")).json() != first.json()


async def test_another_request_under_the_same_key_is_refused(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    await post(client, "a")
    refused = await post(client, "a", size=11)
    assert refused.status_code == 422
    assert "'a'" in refused.json()["detail"]
    elsewhere = await client.post(
        "/api/training/create-database-session", json=BODY | {"uploadId": "x"}, headers={"Idempotency-Key": "a"}
    )
    assert elsewhere.status_code in (404, 422)
    assert await uploads(database, user_id) == 1


async def test_one_that_comes_while_the_first_is_at_work_is_told_to_come_back(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    async with database.transaction() as at_work:
        await at_work.fetch_value(
            "select pg_advisory_xact_lock(hashtextextended($1::uuid::text || ' ' || $2, 0))", user_id, "a"
        )
        refused = await post(client, "a")
    assert (refused.status_code, refused.json()["category"]) == (409, "CONFLICT")
    assert refused.headers["retry-after"] == "1"
    assert (await post(client, "a")).status_code == 201


async def test_keys_belong_to_their_user(
    application: FastAPI, servers: LocalServers, client: httpx.AsyncClient
) -> None:
    mine = await post(client, "a")
    async with caller(application, servers) as other:
        theirs = await post(other, "a", size=99)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json() != theirs.json()


async def test_what_failed_can_be_repeated_under_its_key(client: httpx.AsyncClient) -> None:
    assert (await post(client, "a", size=10**12)).status_code == 413
    assert (await post(client, "a")).status_code == 201


async def test_a_key_is_kept_for_a_day(client: httpx.AsyncClient, database: Database, user_id: UUID) -> None:
    first = await post(client, "a")

    async def age(hours: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(
                "update idempotency_keys set created_at = now() - make_interval(hours => $2) where user_id = $1",
                user_id,
                hours,
            )

    await age(23)
    assert (await post(client, "a")).json() == first.json()
    await age(25)
    later = await post(client, "a", size=11)
    assert later.status_code == 201
    assert later.json() != first.json()


async def test_the_answer_stays_the_same_when_what_it_names_is_gone(
    client: httpx.AsyncClient, database: Database, user_id: UUID, tmp_path: Path
) -> None:
    """A repetition that comes late does not make a second session, nor stumble over the first one's deletion."""
    upload_id = uuid4().hex
    form = {"uploadId": upload_id, "chunkIndex": "0", "totalChunks": "1", "fileName": "load.csv"}
    data = write_series(tmp_path, hours=48)[0].read_bytes()
    await client.post("/api/training/upload-chunk", data=form, files={"chunk": data})

    async def create() -> httpx.Response:
        body, headers = {"uploadId": upload_id}, {"Idempotency-Key": "a"}
        return await client.post("/api/training/create-database-session", json=body, headers=headers)

    first = await create()
    assert first.status_code == 201
    await client.delete("/api/training/sessions")

    async def gone() -> bool:
        return await uploads(database, user_id) == 0

    await until(gone, what="the session and its upload are gone")
    again = await create()
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_what_is_no_key_is_refused_by_name(client: httpx.AsyncClient, key: str) -> None:
    refused = await post(client, key)
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["detail"]
