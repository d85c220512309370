"""F82: one's own pages and listed ones connect through the gateway, others do not; preflights need no token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from foretide.stack.servers import LocalServers
from tests.integration.apps import ServiceProcess, settings_for
from tests.integration.gateway.servers import gateway

pytestmark = pytest.mark.integration

LISTED = "https://app.example.org"


@pytest.fixture(scope="module")
async def url(servers: LocalServers) -> AsyncIterator[str]:
    """A gateway before a notifier; both know one further origin."""
    async with (
        ServiceProcess("notifier", settings_for(servers, cors_origins=[LISTED])) as notifier,
        gateway(upstreams={"notifier": [notifier.url]}, cors_origins=[LISTED]) as made,
    ):
        yield made


async def accepted(url: str, origin: str | None, transport: str) -> bool:
    """Whether a page of this origin gets a connection."""
    query = f"EIO=4&transport={transport}"
    if transport == "polling":
        headers = {"Origin": origin} if origin else {}
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{url}/socket.io/?{query}", headers=headers)).status_code == 200
    try:
        address = f"ws{url.removeprefix('http')}/socket.io/?{query}"
        async with websockets.connect(address, origin=origin, proxy=None) as socket:
            return str(await socket.recv()).startswith("0")
    except (websockets.InvalidStatus, websockets.ConnectionClosed):
        return False


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_f82_which_pages_may_connect(url: str, transport: str) -> None:
    assert await accepted(url, None, transport)
    assert await accepted(url, url, transport)
    assert await accepted(url, LISTED, transport)
    assert not await accepted(url, "https://evil.example.org", transport)


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling", "/api/training/events/some-session"])
async def test_f82_a_preflight_is_answered_without_a_token(url: str, path: str) -> None:
    headers = {
        "Origin": LISTED,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.options(f"{url}{path}", headers=headers)
        assert answer.status_code in (200, 204)
        assert answer.headers["access-control-allow-origin"] == LISTED
        read = await client.get(f"{url}{path}", headers={"Origin": LISTED})
    assert read.headers.get_list("access-control-allow-origin") == [LISTED]
