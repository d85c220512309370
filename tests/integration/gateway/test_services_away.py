"""Services that are restarted, broken off, or gone: what the gateway waits for, repeats, and says."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.integration.gateway.servers import FakeService, gateway, serving_raw
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

CHUNK = "/api/training/upload-chunk"
SESSIONS = "/api/training/sessions"
STATUS = "/api/training/status/1"
TRAIN = "/api/training/train-models/1"


async def echo(request: Request) -> Response:
    return JSONResponse({"size": len(await request.body())})


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_service_that_is_being_restarted_is_waited_for(
    client: httpx.AsyncClient, attempts: list[str], method: str
) -> None:
    upload = FakeService("upload", answer=echo)
    async with gateway(upload) as url:
        async with upload.running():
            assert (await client.get(url + SESSIONS)).status_code == 200
        attempts.clear()
        asking = asyncio.create_task(client.request(method, url + CHUNK, content=b"0123456789"))
        await until(lambda: len(attempts) >= 2, what="a connection was refused")
        async with upload.running():
            got = await asking
    assert (got.status_code, got.json()) == (200, {"size": 10})


async def test_a_service_that_stays_away_is_named(client: httpx.AsyncClient) -> None:
    async with gateway(connect_seconds=0.5) as url:
        got = await client.get(url + STATUS)
    assert got.status_code == 503
    assert got.headers["content-type"] == "application/problem+json"
    assert got.headers["retry-after"] == "1"
    problem = got.json()
    assert problem["title"] == "The trainer service cannot be reached"
    assert problem["technical_details"] == {"service": "trainer"}


async def test_f57_a_problem_does_not_show_what_is_inside(client: httpx.AsyncClient) -> None:
    trainer = FakeService("trainer")
    async with gateway(trainer, connect_seconds=0) as url:
        got = await client.get(url + STATUS)
    assert str(trainer.port) not in got.text
    assert "Error" not in got.text


async def test_replicas_take_turns(client: httpx.AsyncClient) -> None:
    one, two = FakeService("upload"), FakeService("upload")
    async with one.running(), two.running(), gateway(upstreams={"upload": [one.url, two.url]}) as url:
        for _ in range(4):
            await client.get(url + SESSIONS)
    assert (len(one.requests), len(two.requests)) == (2, 2)


async def test_a_replica_that_is_down_is_passed_over(client: httpx.AsyncClient) -> None:
    up, down = FakeService("upload", answer=echo), FakeService("upload")
    async with up.running(), gateway(upstreams={"upload": [down.url, up.url]}, connect_seconds=0) as url:
        for _ in range(4):
            got = await client.post(url + CHUNK, content=b"0123456789")
            assert (got.status_code, got.json()) == (200, {"size": 10})


class Breaking:
    """Takes a request and closes the connection, the first ``times``; then answers."""

    def __init__(self, times: int) -> None:
        self.requests: list[bytes] = []
        self._times = times

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if len(self.requests) > self._times:
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_what_can_be_asked_twice_is_asked_again_when_the_service_breaks_off(
    client: httpx.AsyncClient, method: str
) -> None:
    broken, port = Breaking(times=1), free_port()
    async with serving_raw(broken, port), gateway(upstreams={"upload": [f"http://127.0.0.1:{port}"]}) as url:
        assert (await client.request(method, url + SESSIONS)).status_code == 204
    assert len(broken.requests) == 2


@pytest.mark.parametrize("body", [None, b"{}"], ids=["empty", "body"])
async def test_what_starts_work_is_never_sent_twice(client: httpx.AsyncClient, body: bytes | None) -> None:
    broken, port = Breaking(times=1), free_port()
    async with serving_raw(broken, port), gateway(upstreams={"trainer": [f"http://127.0.0.1:{port}"]}) as url:
        got = await client.post(url + TRAIN, content=body)
    assert (got.status_code, got.json()["title"]) == (502, "The trainer service broke off")
    assert len(broken.requests) == 1


async def test_a_body_that_was_begun_is_never_sent_twice(client: httpx.AsyncClient) -> None:
    broken, port = Breaking(times=1), free_port()
    async with serving_raw(broken, port), gateway(upstreams={"upload": [f"http://127.0.0.1:{port}"]}) as url:
        got = await client.put(f"{url}{SESSIONS}/1/configuration", content=b"{}")
    assert got.status_code == 502
    assert len(broken.requests) == 1


async def test_a_service_that_breaks_off_every_time_is_not_asked_for_ever(client: httpx.AsyncClient) -> None:
    broken, port = Breaking(times=100), free_port()
    async with serving_raw(broken, port), gateway(upstreams={"upload": [f"http://127.0.0.1:{port}"]}) as url:
        assert (await client.get(url + SESSIONS)).status_code == 502
    assert len(broken.requests) == 2


async def test_the_gateway_is_ready_while_it_runs_and_tells_who_else_is(client: httpx.AsyncClient) -> None:
    async def not_ready(_: Request) -> Response:
        return JSONResponse({}, 503)

    upload, trainer = FakeService("upload"), FakeService("trainer", answer=not_ready)
    async with upload.running(), trainer.running(), gateway(upload, trainer) as url:
        assert (await client.get(f"{url}/healthz")).json() == {"status": "alive"}
        got = await client.get(f"{url}/readyz")
    assert (got.status_code, got.json()["status"]) == (200, "ready")
    assert got.json()["services"] == {
        "upload": "ready",
        "dataset": "unreachable",
        "trainer": "not ready",
        "results": "unreachable",
        "notifier": "unreachable",
    }
