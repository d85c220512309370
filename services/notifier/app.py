"""The notifier: wiring only."""

from __future__ import annotations

import socketio
from starlette.types import ASGIApp

from services.notifier import api
from services.notifier.sockets import Sockets
from shared.runtime.service import Service
from shared.settings import Settings

_LARGEST_CLIENT_MESSAGE = 256 * 1024


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application of ``foretide serve notifier``: Socket.IO in front, HTTP behind it."""
    service = Service("notifier", settings)
    server = socketio.AsyncServer(
        async_mode="asgi",
        cors_allowed_origins=settings.cors_origins or None,
        max_http_buffer_size=_LARGEST_CLIENT_MESSAGE,
        ping_interval=25,
        ping_timeout=20,
    )
    sockets = Sockets(service, server)
    service.bus.listen(sockets.rooms.on_message)
    service.start_last(sockets.rooms)
    application: ASGIApp = socketio.ASGIApp(server, service.application("notifier", [api.router]))
    return application
