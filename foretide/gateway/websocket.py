"""WebSockets through the gateway, to the notifier: messages both ways, and the reason why either side closed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from foretide.gateway.headers import request_headers, response_headers
from foretide.gateway.routes import NOTIFIER, service_for
from foretide.gateway.sticky import client_key
from foretide.gateway.upstreams import Upstreams
from shared.telemetry.logs import logger

log = logger(__name__)

LARGEST_MESSAGE = 1024 * 1024
_HANDSHAKE_SECONDS = 5.0
# The handshake is each connection's own, and the library writes these itself.
_NOT_PASSED_ON = ("host", "user-agent")
_HANDSHAKE = "sec-websocket-"


class WebSocketProxy:
    """An ASGI application for WebSocket connections."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it.

        Closes with 1013 (try again later) when the notifier cannot be reached, and with 1012 (service restart) when
        its connection breaks. A handshake that the notifier refuses is refused with its answer.
        """
        client = WebSocket(scope, receive, send)
        if service_for(scope["path"]) != NOTIFIER:
            await client.send_denial_response(Response(status_code=404))
            return
        try:
            upstream = await self._connect(scope)
        except InvalidStatus as refusal:
            response = Response(bytes(refusal.response.body or b""), refusal.response.status_code)
            response.raw_headers = _headers(refusal.response.headers)
            await client.send_denial_response(response)
            return
        if upstream is None:
            await client.accept()
            await client.close(CloseCode.TRY_AGAIN_LATER, "the notifier cannot be reached")
            return
        async with upstream:
            assert upstream.response is not None
            await client.accept(upstream.subprotocol, _headers(upstream.response.headers))
            await _pass_both_ways(client, upstream)

    async def _connect(self, scope: Scope) -> ClientConnection | None:
        """A connection to the first replica that takes one, None when none does. Raises ``InvalidStatus``."""
        query = scope["query_string"].decode("ascii")
        target = scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")
        headers = request_headers(scope)
        passed_on = [
            (name, value) for name, value in headers if name not in _NOT_PASSED_ON and not name.startswith(_HANDSHAKE)
        ]
        for pause, url in self._upstreams.attempts(NOTIFIER, client_key(scope)):
            await asyncio.sleep(pause)
            try:
                return await connect(
                    f"ws{url.removeprefix('http')}{target}",
                    additional_headers=passed_on,
                    user_agent_header=dict(headers).get("user-agent"),
                    subprotocols=[Subprotocol(name) for name in scope["subprotocols"]] or None,
                    compression=None,
                    max_size=LARGEST_MESSAGE,
                    open_timeout=_HANDSHAKE_SECONDS,
                    proxy=None,
                )
            except InvalidStatus:
                raise
            except (OSError, InvalidHandshake) as error:
                log.debug("no connection", service=NOTIFIER, url=url, error=repr(error))
        return None


def _headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    pairs = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.raw_items())
    return [(name, value) for name, value in response_headers(pairs) if not name.startswith(_HANDSHAKE.encode())]


async def _pass_both_ways(client: WebSocket, upstream: ClientConnection) -> None:
    async with asyncio.TaskGroup() as group:
        inwards = group.create_task(_to_upstream(client, upstream))
        outwards = group.create_task(_to_client(client, upstream))
        # The first to end has said goodbye to both sides.
        inwards.add_done_callback(lambda _: outwards.cancel())
        outwards.add_done_callback(lambda _: inwards.cancel())


async def _to_upstream(client: WebSocket, upstream: ClientConnection) -> None:
    while True:
        message = await client.receive()
        if message["type"] == "websocket.disconnect":
            code: int = message["code"]
            # These say that no code came (RFC 6455 section 7.4.1) and may not be sent.
            if code in (CloseCode.NO_STATUS_RCVD, CloseCode.ABNORMAL_CLOSURE):
                code = CloseCode.NORMAL_CLOSURE
            await upstream.close(code, message.get("reason") or "")
            return
        text = message.get("text")
        payload: bytes = message["bytes"] if text is None else text.encode()
        if len(payload) > LARGEST_MESSAGE:
            await client.close(CloseCode.MESSAGE_TOO_BIG)
            await upstream.close(CloseCode.GOING_AWAY)
            return
        # Once the notifier has closed, what still comes is dropped; the other direction tells the client.
        with suppress(ConnectionClosed):
            await upstream.send(payload, text=text is not None)


async def _to_client(client: WebSocket, upstream: ClientConnection) -> None:
    with suppress(WebSocketDisconnect):  # the client is gone; the caller closes the other side
        try:
            while True:
                message = await upstream.recv()
                await (client.send_text(message) if isinstance(message, str) else client.send_bytes(message))
        except ConnectionClosed as closed:
            await client.close(*_reason_for_client(closed))


def _reason_for_client(closed: ConnectionClosed) -> tuple[int, str]:
    if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return CloseCode.MESSAGE_TOO_BIG, ""
    if closed.rcvd is None:
        return CloseCode.SERVICE_RESTART, "the notifier broke off"
    if closed.rcvd.code == CloseCode.NO_STATUS_RCVD:
        return CloseCode.NORMAL_CLOSURE, ""
    return closed.rcvd.code, closed.rcvd.reason
