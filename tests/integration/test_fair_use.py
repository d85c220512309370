"""Fair use: budgets that hold across replicas and services."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.app import create_app as results_app
from services.upload.app import create_app as upload_app
from shared.database.pool import Database
from shared.settings import Settings
from shared.web.fair_use import FairUse
from tests.integration.apps import caller, running, settings_for
from tests.integration.chunks import chunk

pytestmark = pytest.mark.integration

REQUESTS = 10
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
async def applications(servers: LocalServers) -> AsyncIterator[list[FastAPI]]:
    """Two upload replicas and another service, with small budgets."""
    settings = settings_for(servers, requests_per_minute=REQUESTS, upload_bytes_per_minute=MEBIBYTE)
    made = [upload_app(settings), upload_app(settings), results_app(settings)]
    async with running(made[0]), running(made[1]), running(made[2]):
        yield made


def came_back(since: float, per_minute: int) -> int:
    """How many a budget may have got back since then: a loaded machine takes longer than it takes to get one."""
    return int((time.monotonic() - since) * per_minute / 60)


async def used_up(client: httpx.AsyncClient) -> int:
    """Ask until there is nothing left; how many were answered."""
    passed = 0
    while (await client.get("/api/training/sessions")).status_code == 200:
        passed += 1
    return passed


async def make_time_pass(servers: LocalServers, user_id: UUID, seconds: float) -> None:
    """For this user's budgets."""
    owner = await asyncpg.connect(servers.database_superuser_url)
    try:
        await owner.execute(
            "update foretide.budgets set full_at = full_at - make_interval(secs => $2) where user_id = $1",
            user_id,
            seconds,
        )
    finally:
        await owner.close()


async def test_f58_a_users_limit_holds_across_replicas_and_services(
    applications: list[FastAPI], servers: LocalServers, user_id: UUID
) -> None:
    """Of many requests at once to three processes' applications exactly as many pass as one user may make."""
    clients = [caller(application, servers, user_id) for application in applications]
    paths = ["/api/training/sessions", "/api/training/uploads", f"/api/training/results/{uuid4()}"]
    began = time.monotonic()
    answers = await asyncio.gather(
        *(client.get(path) for _ in range(12) for client, path in zip(clients, paths, strict=True))
    )
    passed = [answer for answer in answers if answer.status_code != 429]
    assert REQUESTS <= len(passed) <= REQUESTS + came_back(began, REQUESTS)
    assert {answer.status_code for answer in passed} <= {200, 404}
    refused = next(answer for answer in answers if answer.status_code == 429)
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert (problem["category"], problem["technical_details"]["quota"]) == ("RATE_LIMITED", REQUESTS)
    assert 1 <= int(refused.headers["retry-after"]) <= 60 / REQUESTS
    assert refused.headers["retry-after"] in problem["detail"]
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    async with caller(applications[0], servers) as somebody_else:
        assert (await somebody_else.get("/api/training/sessions")).status_code == 200
    await make_time_pass(servers, user_id, float(refused.headers["retry-after"]))
    assert 1 <= await used_up(clients[0]) <= 2 + came_back(began, REQUESTS), "one came back in the time told"
    await asyncio.gather(*(client.aclose() for client in clients))


async def test_every_answer_says_what_is_left(
    applications: list[FastAPI], servers: LocalServers, user_id: UUID
) -> None:
    """As draft-ietf-httpapi-ratelimit-headers has it: an answer, an error and an answer without body alike."""
    async with caller(applications[0], servers, user_id) as client:
        answers = [
            await client.get("/api/training/sessions"),
            await client.get(f"/api/training/sessions/{uuid4()}"),
            await client.get("/api/training/sessions", params={"limit": "many"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 422]
    for number, answer in enumerate(answers):
        assert answer.headers["ratelimit-policy"] == f'"requests";q={REQUESTS};qu="requests";w=60'
        told = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
        assert told is not None
        assert int(told[1]) == REQUESTS - number - 1
        assert 1 <= int(told[2]) <= 60


async def test_data_has_a_budget_of_its_own(applications: list[FastAPI], servers: LocalServers, user_id: UUID) -> None:
    """Neither uses up the other; a chunk that is refused is not read, and can be sent again."""
    upload_id = uuid4().hex
    async with caller(applications[0], servers, user_id) as one, caller(applications[1], servers, user_id) as other:
        data = b"x" * (MEBIBYTE // 5 - 4000)
        began = time.monotonic()
        answers = [await chunk((one, other)[index % 2], upload_id, index, 99, data) for index in range(12)]
        passed = [index for index, answer in enumerate(answers) if answer.status_code == 200]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert passed[:5] == [*range(5)]
        assert len(passed) <= 6 + came_back(began, 5)
        assert answers[-1].headers["ratelimit-policy"] == f'"upload-bytes";q={MEBIBYTE};qu="content-bytes";w=60'
        assert "ratelimit" in answers[0].headers
        listed = await other.get(f"/api/training/upload-status/{upload_id}")
        assert (listed.status_code, listed.json()["received"]) == (200, passed)
        await used_up(one)
        await make_time_pass(servers, user_id, 60)
        assert await used_up(one) >= REQUESTS
        assert (await chunk(one, upload_id, 98, 99, data)).status_code == 200


async def test_small_chunks_are_not_free(applications: list[FastAPI], servers: LocalServers, user_id: UUID) -> None:
    async with caller(applications[0], servers, user_id) as client:
        began = time.monotonic()
        answers = await asyncio.gather(*(chunk(client, "many", index, 99) for index in range(40)))
    whole = MEBIBYTE // (64 * 1024)
    assert whole <= sum(answer.status_code == 200 for answer in answers) <= whole + came_back(began, whole)


async def test_f06_a_stranger_is_refused_before_the_body_is_read(applications: list[FastAPI]) -> None:
    """Neither without a token nor over the budget does anybody have the service read megabytes."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * MEBIBYTE

    async with httpx.AsyncClient(transport=httpx.ASGITransport(applications[0]), base_url="http://test") as client:
        answer = await client.post(
            "/api/training/upload-chunk",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
    assert answer.status_code == 401
    assert read == 0


async def test_500_mb_in_small_chunks_are_within_the_usual_budget(database: Database, servers: LocalServers) -> None:
    """With the defaults, all at once, by four connections; a statement a chunk, and nothing else."""
    asked = 0
    original = database.call

    async def counted(query: str, *values: object) -> object:
        nonlocal asked
        asked += 1
        return await original(query, *values)

    database.call = counted  # type: ignore[method-assign, assignment]
    defaults = Settings(
        bus_url="amqp://nowhere",
        database_url=servers.database_url,
        store_url="file:///nowhere",
        signing_secret="s" * 32,
        jwt_secret="s" * 32,
    )
    fair_use = FairUse(database, defaults)
    user_id = uuid4()
    chunk_bytes, chunks = 256 * 1024 + 1000, 2000

    async def send_some() -> None:
        for _ in range(chunks // 4):
            (await fair_use.send(user_id, chunk_bytes)).check()

    await asyncio.gather(*(send_some() for _ in range(4)))
    assert asked == chunks
