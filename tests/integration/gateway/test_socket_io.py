"""Socket.IO through the gateway, over both of its transports."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import socketio

from tests.integration.gateway.servers import gateway, serving
from tests.ports import free_port

pytestmark = pytest.mark.integration

TOKEN = "x" * 12_288


@pytest.fixture
def long_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``foretide serve`` sets with WEBSOCKETS_MAX_LINE_LENGTH: header lines of more than 8 KiB."""
    monkeypatch.setattr("websockets.http11.MAX_LINE_LENGTH", 128 * 1024)


@pytest.fixture
async def socket_io() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A Socket.IO server behind a gateway: the gateway's URL, and what each connection brought."""
    brought: list[dict[str, Any]] = []
    server = socketio.AsyncServer(async_mode="asgi")

    async def on_connect(_: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
        brought.append({"header": environ.get("HTTP_AUTHORIZATION"), "auth": auth})

    async def on_ask(_: str, text: str) -> str:
        return text.upper()

    server.on("connect", on_connect)
    server.on("ask", on_ask)
    port = free_port()
    async with (
        serving(socketio.ASGIApp(server), port),
        gateway(upstreams={"notifier": [f"http://127.0.0.1:{port}"]}) as url,
    ):
        yield url, brought


@pytest.mark.usefixtures("long_headers")
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
async def test_f80_socket_io_over_websocket_with_a_token_of_12_kilobytes(
    socket_io: tuple[str, list[dict[str, Any]]], transports: list[str]
) -> None:
    url, brought = socket_io
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(
            url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            auth={"token": TOKEN},
            transports=transports,
        )
        assert await client.call("ask", "still there?") == "STILL THERE?"
        assert client.client is not None
        assert client.client.transport() == transports[-1]
    assert brought == [{"header": f"Bearer {TOKEN}", "auth": {"token": TOKEN}}]


async def test_f80_socket_io_over_polling_with_a_token_of_12_kilobytes(
    socket_io: tuple[str, list[dict[str, Any]]],
) -> None:
    url, brought = socket_io
    poll = f"{url}/socket.io/?EIO=4&transport=polling"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
        opened = (await client.get(poll)).text
        poll += f"&sid={json.loads(opened.removeprefix('0'))['sid']}"
        await client.post(poll, content="40" + json.dumps({"token": TOKEN}))
        assert (await client.get(poll)).text.startswith('40{"sid":')
        await client.post(poll, content='420["ask","still there?"]')
        assert (await client.get(poll)).text == '430["STILL THERE?"]'
    assert brought == [{"header": f"Bearer {TOKEN}", "auth": {"token": TOKEN}}]
