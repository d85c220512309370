"""The notifier: wiring only."""

from __future__ import annotations

import socketio
from engineio.payload import Payload
from fastapi import FastAPI
from starlette.types import ASGIApp

from services.notifier import api
from services.notifier.origins import origin_check
from services.notifier.portions import Portions
from services.notifier.sockets import Sockets
from services.notifier.transports import ReadablePacket, Transports
from services.notifier.twin import Twin
from services.notifier.webhooks import api as api_webhooks
from services.notifier.webhooks.wiring import Webhooks
from shared.runtime.service import Service
from shared.settings import Settings

_LARGEST_CLIENT_MESSAGE = 256 * 1024
# More than as many bytes can hold requests: of a longer one the library would answer none, and say that all is well.
_MOST_REQUESTS_IN_A_POST = 4096


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application of ``foretide serve notifier``: Socket.IO in front, HTTP behind it."""
    service = Service("notifier", settings)
    server = socketio.AsyncServer(
        async_mode="asgi",
        serializer=ReadablePacket,
        cors_allowed_origins=origin_check(settings.cors_origins),
        max_http_buffer_size=_LARGEST_CLIENT_MESSAGE,
        ping_interval=25,
        ping_timeout=20,
    )
    Payload.max_decode_packets = _MOST_REQUESTS_IN_A_POST
    server.eio.create_queue = Portions
    twin = Twin(settings.trainer_url)
    sockets = Sockets(service, server, twin)
    service.bus.listen(sockets.rooms.on_message)
    service.start_last(twin)
    service.start_last(sockets.rooms)
    service.start_last(Transports(server))
    application: ASGIApp = socketio.ASGIApp(server, create_api(service))
    return application


def create_api(service: Service) -> FastAPI:
    """Its HTTP side, and what sends webhooks."""
    application = service.application("notifier", [api.router, api_webhooks.router])
    application.state.webhooks = Webhooks(service)
    return application
