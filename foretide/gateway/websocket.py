"""WebSockets through the gateway, to the notifier."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from foretide.gateway.upstreams import Upstreams
from shared.telemetry.logs import logger

log = logger(__name__)

_LARGEST_MESSAGE = 1024 * 1024
_TRY_AGAIN_LATER = 1013
_PASSED_ON = ("authorization", "cookie", "origin", "user-agent")


async def forward_websocket(socket: WebSocket, upstreams: Upstreams, service: str) -> None:
    """Connect to the first replica that answers, and pass messages both ways until either side ends."""
    for url in upstreams.in_turn(service):
        address = f"ws{url.removeprefix('http')}{socket.url.path}?{socket.url.query}"
        headers = [(name, socket.headers[name]) for name in _PASSED_ON if name in socket.headers and name != "origin"]
        headers.append(("x-forwarded-host", socket.headers.get("host", "")))
        try:
            upstream = await connect(
                address,
                additional_headers=headers,
                origin=socket.headers.get("origin"),  # type: ignore[arg-type]
                compression=None,
                max_size=_LARGEST_MESSAGE,
                open_timeout=10,
                proxy=None,
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            log.debug("websocket upstream not reached", error=str(error))
            continue
        async with upstream:
            await socket.accept()
            await _pump(socket, upstream)
        return
    await socket.close(_TRY_AGAIN_LATER)


async def _pump(socket: WebSocket, upstream: ClientConnection) -> None:
    tasks = [asyncio.create_task(_to_upstream(socket, upstream)), asyncio.create_task(_to_client(socket, upstream))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_upstream(socket: WebSocket, upstream: ClientConnection) -> None:
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                await upstream.close(message.get("code") or 1000)
                return
            text = message.get("text")
            await upstream.send(text if text is not None else message["bytes"])
    except (ConnectionClosed, WebSocketDisconnect):
        return


async def _to_client(socket: WebSocket, upstream: ClientConnection) -> None:
    try:
        async for message in upstream:
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
        code = upstream.close_code or 1000
        # 1005 and 1006 say that no code came; they may not be sent.
        await socket.close(code if code not in (1005, 1006) else 1012)
    except (RuntimeError, WebSocketDisconnect, ConnectionClosed) as error:
        log.debug("websocket client gone", error=str(error))
