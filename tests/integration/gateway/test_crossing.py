"""Requests through the gateway over real connections: everything crosses as it is, or is refused with a reason."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tests.integration.gateway.servers import FakeService, gateway

pytestmark = pytest.mark.integration

CHUNK = "/api/training/upload-chunk"
SESSIONS = "/api/training/sessions"
STATUS = "/api/training/status/1"
OBJECT = "/api/files/training-results/1/model.keras"
ORIGIN = "https://app.example"
FILE_LIMIT = 512 * 1024 * 1024
DOCUMENT_LIMIT = 32 * 1024 * 1024


async def test_each_call_reaches_its_service(client: httpx.AsyncClient) -> None:
    upload, trainer = FakeService("upload"), FakeService("trainer")
    async with upload.running(), trainer.running(), gateway(upload, trainer) as url:
        assert (await client.get(url + SESSIONS)).json() == {"service": "upload"}
        assert (await client.get(url + STATUS)).json() == {"service": "trainer"}


async def test_path_and_query_arrive_letter_for_letter(client: httpx.AsyncClient) -> None:
    results = FakeService("results")
    target = "/api/files/b%20ucket/a%2Fb;c=d,e+f%C3%BC?x=%2f&x=1+2&&flag&q=%22a%22"
    async with results.running(), gateway(results) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: foretide.example\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    [asked] = results.requests
    assert asked.scope["raw_path"].decode() + "?" + asked.scope["query_string"].decode() == target
    assert asked.headers["host"] == "foretide.example"


async def test_a_path_cannot_climb_to_what_is_for_the_inside_only(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload")
    async with upload.running(), gateway(upload) as url:
        for path in ("/api/training/sessions/../../../metrics", "/api/training/sessions/%2e%2e/%2e%2e/metrics"):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 404")
            writer.close()
        assert (await client.get(f"{url}/metrics")).status_code == 404
    assert upload.requests == []


async def test_what_a_service_answers_crosses_unchanged(client: httpx.AsyncClient) -> None:
    packed = gzip.compress(b"forecast" * 100)

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == '"1"':
            return Response(status_code=304, headers={"etag": '"1"'})
        headers = {"content-encoding": "gzip", "etag": '"1"', "content-range": "bytes 0-9/10", "x-own": "yes"}
        response = Response(b"" if request.method == "HEAD" else packed, 206, headers)
        response.headers["content-length"] = str(len(packed))
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    results = FakeService("results", answer=answer)
    async with results.running(), gateway(results) as url:
        async with client.stream("GET", url + OBJECT, headers={"range": "bytes=0-9"}) as got:
            assert b"".join([block async for block in got.aiter_raw()]) == packed
        assert got.status_code == 206
        assert got.headers["content-encoding"] == "gzip"
        assert got.headers["content-length"] == str(len(packed))
        assert got.headers["x-own"] == "yes"
        assert len(got.headers.get_list("set-cookie")) == 2
        assert len(got.headers.get_list("date")) == 1
        head = await client.head(url + OBJECT)
        assert (head.status_code, head.headers["content-length"]) == (206, str(len(packed)))
        cached = await client.get(url + OBJECT, headers={"if-none-match": '"1"'})
        assert (cached.status_code, cached.headers["etag"]) == (304, '"1"')
    assert results.requests[0].headers["range"] == "bytes=0-9"


async def test_a_redirect_is_the_clients_to_follow(client: httpx.AsyncClient) -> None:
    async def answer(_: Request) -> Response:
        return RedirectResponse("http://elsewhere.example/signed?x=1", 302)

    results = FakeService("results", answer=answer)
    async with results.running(), gateway(results) as url:
        got = await client.get(url + OBJECT)
    assert (got.status_code, got.headers["location"]) == (302, "http://elsewhere.example/signed?x=1")


async def test_a_client_cannot_pretend_to_come_from_elsewhere(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload")
    async with upload.running(), gateway(upload) as url:
        await client.get(url + SESSIONS, headers={"x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1"})
    [asked] = upload.requests
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"
    assert asked.headers["x-forwarded-proto"] == "http"
    assert asked.headers["x-forwarded-host"] == url.removeprefix("http://")
    assert "forwarded" not in asked.headers


async def test_f80_a_token_of_12_kilobytes_passes(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload")
    token = "Bearer " + "x" * 12_288
    async with upload.running(), gateway(upload) as url:
        assert (await client.get(url + SESSIONS, headers={"authorization": token})).status_code == 200
    assert upload.requests[0].headers["authorization"] == token


async def test_the_gateway_and_the_service_are_in_one_trace(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload")
    async with upload.running(), gateway(upload) as url:
        got = await client.get(url + SESSIONS)
    [told] = got.headers.get_list("traceparent")
    assert upload.requests[0].headers["traceparent"] == told


async def test_a_declared_body_that_is_too_large_is_refused_before_it_is_sent() -> None:
    upload = FakeService("upload")
    async with upload.running(), gateway(upload) as url:
        for path, limit in ((CHUNK, FILE_LIMIT), (SESSIONS, DOCUMENT_LIMIT)):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {limit + 1}\r\n\r\n".encode())
            async with asyncio.timeout(60):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
            writer.close()
    assert upload.requests == []


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    whole: list[bytes] = []

    async def answer(request: Request) -> Response:
        whole.append(await request.body())
        return Response()

    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(1024 * 1024)

    upload = FakeService("upload", answer=answer)
    async with upload.running(), gateway(upload) as url:
        got = await client.post(url + SESSIONS, content=too_much())
    assert got.status_code == 413
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["detail"] == f"Its body may have {DOCUMENT_LIMIT} bytes (32 MiB) at most."
    assert whole == []


async def test_a_path_of_no_service_is_a_problem(client: httpx.AsyncClient) -> None:
    async with gateway() as url:
        got = await client.get(f"{url}/api/nothing")
    assert (got.status_code, got.json()["category"], got.json()["instance"]) == (404, "NOT_FOUND", "/api/nothing")
    assert got.json()["trace_id"] in got.headers["traceparent"]


async def test_f82_a_preflight_is_answered_without_a_token(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload")
    ask = {"origin": ORIGIN, "access-control-request-method": "PATCH"}
    async with upload.running(), gateway(upload, cors_origins=[ORIGIN]) as url:
        for header in ("authorization", "idempotency-key", "upload-offset", "tus-resumable", "content-type"):
            got = await client.options(
                f"{url}/api/training/tus/1", headers={**ask, "access-control-request-headers": header}
            )
            assert got.status_code == 200
            assert got.headers["access-control-allow-origin"] == ORIGIN
            assert "access-control-allow-credentials" not in got.headers
    assert upload.requests == []


async def test_f82_an_origin_that_is_not_listed_may_not_read(client: httpx.AsyncClient) -> None:
    async def answer(_: Request) -> Response:
        return Response(headers={"access-control-allow-origin": "*", "access-control-allow-credentials": "true"})

    upload = FakeService("upload", answer=answer)
    foreign = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    async with upload.running():
        for origins in ((), (ORIGIN,)):
            async with gateway(upload, cors_origins=origins) as url:
                preflight = await client.options(url + SESSIONS, headers=foreign)
                assert preflight.status_code == 400
                simple = await client.get(url + SESSIONS, headers=foreign)
                for got in (preflight, simple):
                    assert not [name for name in got.headers if name.startswith("access-control-allow-origin")]


async def test_f40_a_browser_can_read_a_problem_too(client: httpx.AsyncClient) -> None:
    async with gateway(cors_origins=[ORIGIN], connect_seconds=0) as url:
        got = await client.get(url + SESSIONS, headers={"origin": ORIGIN})
    assert got.status_code == 503
    assert got.headers["access-control-allow-origin"] == ORIGIN
    exposed = {name.strip() for name in got.headers["access-control-expose-headers"].lower().split(",")}
    assert {"retry-after", "ratelimit", "ratelimit-policy", "traceparent"} <= exposed
