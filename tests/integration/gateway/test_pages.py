"""What the gateway answers itself: the merged API document and the pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import foretide.gateway.documents
from shared.bus.asyncapi import build_document
from tests.integration.gateway.servers import FakeService, gateway

pytestmark = pytest.mark.integration


@pytest.fixture
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services are asked on every call."""
    monkeypatch.setattr(foretide.gateway.documents, "_FRESH_SECONDS", -1.0)


class Documented:
    """A service's answer: its OpenAPI document, with one call."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __call__(self, _: Request) -> Response:
        document: dict[str, Any] = {"openapi": "3.1.0", "paths": {self.path: {"get": {"responses": {}}}}}
        return JSONResponse(document)


async def test_one_document_of_all_services_that_answer(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload", answer=Documented("/api/training/sessions"))
    trainer = FakeService("trainer", answer=Documented("/api/training/status/{sessionId}"))
    async with upload.running(), trainer.running(), gateway(upload, trainer) as url:
        got = (await client.get(f"{url}/openapi.json")).json()
    assert list(got["paths"]) == ["/api/training/sessions", "/api/training/status/{sessionId}"]
    assert got["x-unavailable-services"] == ["dataset", "notifier", "results"]


@pytest.mark.usefixtures("always_fresh")
async def test_the_document_is_the_same_until_a_service_says_something_else(client: httpx.AsyncClient) -> None:
    said = Documented("/api/training/sessions")
    upload = FakeService("upload", answer=said)
    async with upload.running(), gateway(upload) as url:
        first = await client.get(f"{url}/openapi.json")
        again = await client.get(f"{url}/openapi.json", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        said.path = "/api/training/uploads"
        changed = await client.get(f"{url}/openapi.json", headers={"if-none-match": first.headers["etag"]})
        assert (changed.status_code, list(changed.json()["paths"])) == (200, ["/api/training/uploads"])


@pytest.mark.usefixtures("always_fresh")
async def test_a_service_that_goes_away_keeps_its_part_and_is_marked(client: httpx.AsyncClient) -> None:
    upload = FakeService("upload", answer=Documented("/api/training/sessions"))
    async with gateway(upload) as url:
        async with upload.running():
            assert "upload" not in (await client.get(f"{url}/openapi.json")).json()["x-unavailable-services"]
        got = (await client.get(f"{url}/openapi.json")).json()
    assert list(got["paths"]) == ["/api/training/sessions"]
    assert "upload" in got["x-unavailable-services"]


async def test_what_is_no_document_is_left_out(client: httpx.AsyncClient) -> None:
    async def nonsense(_: Request) -> Response:
        return Response("<html>", media_type="text/html")

    upload = FakeService("upload", answer=nonsense)
    async with upload.running(), gateway(upload) as url:
        got = (await client.get(f"{url}/openapi.json")).json()
    assert got["paths"] == {}
    assert "upload" in got["x-unavailable-services"]


@pytest.mark.parametrize("path", ["/", "/docs", "/asyncapi"])
async def test_a_page_and_all_it_needs_come_from_here(client: httpx.AsyncClient, path: str) -> None:
    async with gateway() as url:
        got = await client.get(url + path)
        assert (got.status_code, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = got.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert got.headers["referrer-policy"] == "no-referrer"
        needed = {part.split('"')[0] for part in got.text.replace("src=", "href=").split('href="')[1:]}
        for asset in sorted(link for link in needed if link.startswith("/assets/")):
            assert (await client.get(url + asset)).status_code == 200, asset


async def test_the_events_are_described_for_programs_and_for_people(client: httpx.AsyncClient) -> None:
    async with gateway() as url:
        assert (await client.get(f"{url}/asyncapi.json")).json() == build_document()
        assert "io.foretide.file.uploaded.v1" in (await client.get(f"{url}/asyncapi")).text
