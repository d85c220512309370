"""WebSockets through the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request as HandshakeRequest
from websockets.server import ServerProtocol

from tests.integration.gateway.servers import FakeService, gateway, serving_raw
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

SOCKET = "/socket.io/?EIO=4&transport=websocket"
MEBIBYTE = 1024 * 1024


def through(url: str, **options: Any) -> connect:
    return connect(f"ws{url.removeprefix('http')}{SOCKET}", proxy=None, max_size=None, **options)


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    """How the other side closed."""
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(60):
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        await socket.send({**message, "type": "websocket.send"})


async def test_messages_of_both_kinds_go_both_ways() -> None:
    notifier = FakeService("notifier", talk=echo)
    async with notifier.running(), gateway(notifier) as url, through(url) as socket:
        for message in ("text äöü", b"\x00\xff", "", b""):
            await socket.send(message)
            assert await socket.recv() == message


async def test_f54_the_notifier_sees_who_connects() -> None:
    seen: dict[str, str] = {}

    async def look(socket: WebSocket) -> None:
        seen.update(socket.headers, query=str(socket.query_params))
        await socket.accept("b", [(b"set-cookie", b"io=1")])
        await socket.close()

    notifier = FakeService("notifier", talk=look)
    headers = {"Authorization": "Bearer t", "Cookie": "a=1", "X-Forwarded-For": "10.0.0.1"}
    async with (
        notifier.running(),
        gateway(notifier) as url,
        through(url, additional_headers=headers, origin="https://app.example", subprotocols=["a", "b"]) as socket,
    ):
        assert socket.subprotocol == "b"
        assert socket.response is not None
        assert socket.response.headers["set-cookie"] == "io=1"
    assert seen["authorization"] == "Bearer t"
    assert seen["cookie"] == "a=1"
    assert "sec-websocket-extensions" not in seen  # compressing small messages twice helps nobody
    assert seen["origin"] == "https://app.example"
    assert seen["query"] == "EIO=4&transport=websocket"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == url.removeprefix("http://")


async def test_the_notifiers_close_reaches_the_client() -> None:
    async def leave(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4401, "the token has expired")

    notifier = FakeService("notifier", talk=leave)
    async with notifier.running(), gateway(notifier) as url, through(url) as socket:
        assert await close_of(socket) == (4401, "the token has expired")


async def test_the_clients_close_reaches_the_notifier() -> None:
    closed: list[WebSocketDisconnect] = []

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.receive_text()
        except WebSocketDisconnect as disconnect:
            closed.append(disconnect)

    notifier = FakeService("notifier", talk=listen)
    async with notifier.running(), gateway(notifier) as url:
        async with through(url) as socket:
            await socket.close(4000, "enough")
        await until(lambda: closed, seconds=30, what="the notifier saw the close")
    assert (closed[0].code, closed[0].reason) == (4000, "enough")


async def test_a_client_that_vanishes_is_gone_at_the_notifier_too() -> None:
    gone = asyncio.Event()

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
        gone.set()

    notifier = FakeService("notifier", talk=listen)
    async with notifier.running(), gateway(notifier) as url, through(url) as socket:
        socket.transport.abort()
        await until(gone.is_set, seconds=30, what="the notifier saw the client go")


async def test_a_refused_handshake_is_refused_as_the_notifier_did() -> None:
    async def refuse(socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({"why": "no"}, 401, {"www-authenticate": "Bearer"}))

    notifier = FakeService("notifier", talk=refuse)
    async with notifier.running(), gateway(notifier) as url:
        with pytest.raises(InvalidStatus) as refused:
            await through(url)
    response = refused.value.response
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert bytes(response.body or b"") == b'{"why":"no"}'


async def test_without_a_notifier_a_client_is_told_to_try_later() -> None:
    async with gateway(connect_seconds=0.3) as url, through(url) as socket:
        assert (await close_of(socket))[0] == 1013


async def test_a_notifier_that_breaks_off_is_a_restart_to_the_client() -> None:
    async def handshake_then_break(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        [request] = protocol.events_received()
        assert isinstance(request, HandshakeRequest)
        protocol.send_response(protocol.accept(request))
        writer.writelines(protocol.data_to_send())
        await writer.drain()

    port = free_port()
    async with (
        serving_raw(handshake_then_break, port),
        gateway(upstreams={"notifier": [f"http://127.0.0.1:{port}"]}) as url,
        through(url) as socket,
    ):
        assert (await close_of(socket))[0] == 1012


async def test_a_notifier_that_is_being_restarted_is_waited_for(attempts: list[str]) -> None:
    notifier = FakeService("notifier", talk=echo)
    async with gateway(notifier) as url:
        connecting = asyncio.create_task(through(url).connect())
        await until(lambda: len(attempts) >= 2, what="a connection was refused")
        async with notifier.running():
            socket = await connecting
            await socket.send("here")
            assert await socket.recv() == "here"
            await socket.close()


async def test_f81_a_message_of_more_than_a_mebibyte_is_not_carried_either_way() -> None:
    async def shout(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_bytes(bytes(int(await socket.receive_text())))
        await socket.receive()

    notifier = FakeService("notifier", talk=shout)
    async with notifier.running(), gateway(notifier) as url:
        async with through(url) as socket:
            await socket.send(str(MEBIBYTE))
            assert len(await socket.recv()) == MEBIBYTE
        async with through(url) as socket:
            await socket.send(str(MEBIBYTE + 1))
            assert (await close_of(socket))[0] == 1009
        async with through(url) as socket:
            await socket.send(bytes(MEBIBYTE + 1))
            assert (await close_of(socket))[0] == 1009


async def test_elsewhere_there_is_no_websocket() -> None:
    async with gateway() as url:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws{url.removeprefix('http')}/api/training/sessions", proxy=None)
    assert refused.value.response.status_code == 404
