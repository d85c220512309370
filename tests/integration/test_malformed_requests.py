"""A thousand malformed requests: each is refused by name, and nothing of any stays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from shared.database.pool import Database
from shared.problems import Problem
from shared.storage.keys import TRAINING_FILES, UPLOAD_STAGING
from tests.integration.apps import settings_for, token_of
from tests.integration.chain import write_series
from tests.integration.gateway.servers import gateway, serving
from tests.integration.malformed.catalogue import malformed_requests
from tests.integration.malformed.request import TRAVERSALS, Malformed, raw
from tests.integration.test_sessions import uploaded_session
from tests.ports import free_port

pytestmark = pytest.mark.integration

SEED = 22
COUNT = 1000
CHUNK_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def application(servers: LocalServers) -> FastAPI:
    return create_app(settings_for(servers, max_chunk_bytes=CHUNK_BYTES))


@pytest.fixture(scope="module")
async def url(application: FastAPI) -> AsyncIterator[str]:
    """The upload service behind real HTTP: what a parser makes of a request is part of the test."""
    port = free_port()
    async with serving(application, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(url: str, servers: LocalServers, user_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {token_of(servers, user_id)}"}, timeout=60, trust_env=False
    ) as made:
        yield made


async def answer_to(client: httpx.AsyncClient, wrong: Malformed) -> httpx.Response:
    return await client.request(wrong.method, wrong.path, content=wrong.body or None, headers=raw(wrong.headers))


async def fault_of(client: httpx.AsyncClient, wrong: Malformed) -> str | None:
    """What is not as it should be about the answer, if anything."""
    answer = await answer_to(client, wrong)
    told = f"{wrong.what}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code not in wrong.statuses:
        return told
    if answer.headers["content-type"] != "application/problem+json":
        return f"{told} is {answer.headers['content-type']}"
    problem = Problem.model_validate(answer.json())
    if wrong.named.lower() not in problem.detail.lower():
        return f"{told} does not name {wrong.named!r}"
    return None if problem.title and problem.recovery else f"{told} does not help"


async def kept(application: FastAPI, bucket: str) -> set[str]:
    return {found.key async for found in application.state.service.store.list(bucket)}


async def test_f22_f57_a_thousand_malformed_requests_are_refused_by_name_and_leave_nothing(
    application: FastAPI, client: httpx.AsyncClient, database: Database, user_id: UUID, tmp_path: Path
) -> None:
    staged, files = await kept(application, UPLOAD_STAGING), await kept(application, TRAINING_FILES)
    requests = malformed_requests(SEED, COUNT)
    assert len({wrong.what for wrong in requests}) > 200, "of many kinds"
    slots = asyncio.Semaphore(8)

    async def tried(wrong: Malformed) -> str | None:
        async with slots:
            return await fault_of(client, wrong)

    faults = Counter(fault for fault in await asyncio.gather(*map(tried, requests)) if fault)
    assert not faults, "\n".join(faults)
    assert (await client.get("/readyz")).status_code == 200
    assert await kept(application, UPLOAD_STAGING) == staged
    assert await kept(application, TRAINING_FILES) == files
    async with database.transaction() as transaction:
        assert await transaction.fetch_value("select count(*) from uploads where user_id = $1", user_id) == 0
        assert await transaction.fetch_value("select count(*) from training_sessions where user_id = $1", user_id) == 0
    assert await uploaded_session(client, write_series(tmp_path, hours=48)[0].read_bytes())


async def test_the_gateway_does_not_stumble_over_them_either(url: str, servers: LocalServers, user_id: UUID) -> None:
    """Each gets the service's refusal, or the gateway's own; never a 5xx."""
    async with (
        gateway(upstreams={"upload": [url]}, connect_seconds=1) as door,
        httpx.AsyncClient(
            base_url=door, headers={"Authorization": f"Bearer {token_of(servers, user_id)}"}, timeout=60
        ) as client,
    ):
        for wrong in malformed_requests(SEED + 1, 200):
            answer = await client.request(
                wrong.method, wrong.path, content=wrong.body or None, headers=raw(wrong.headers)
            )
            assert 400 <= answer.status_code < 500, f"{wrong.what}: {answer.status_code} {answer.text[:300]}"


@pytest.mark.parametrize("file_name", [*TRAVERSALS, "C:\\load.csv", "~/load.csv", "con", "a'\"$(reboot).csv", "☃.csv"])
async def test_f08_a_file_name_that_looks_like_a_path_is_kept_as_it_is_and_leads_nowhere(
    application: FastAPI, client: httpx.AsyncClient, servers: LocalServers, tmp_path: Path, file_name: str
) -> None:
    form = {"uploadId": uuid4().hex, "chunkIndex": "0", "totalChunks": "1", "fileName": file_name}
    before = await kept(application, TRAINING_FILES)
    data = write_series(tmp_path, hours=48)[0].read_bytes()
    sent = await client.post("/api/training/upload-chunk", data=form, files={"chunk": (file_name, data)})
    assert sent.status_code == 200, sent.text
    assert sent.json()["fileName"] == file_name
    made = await client.post("/api/training/create-database-session", json={"uploadId": form["uploadId"]})
    files = await client.get(f"/api/training/sessions/{made.json()['sessionId']}/files")
    assert [file["fileName"] for file in files.json()["items"]] == [file_name]
    keys = await kept(application, TRAINING_FILES) - before
    assert {key.rpartition("/")[2] for key in keys} == {"raw.csv", "canonical.parquet"}
