"""The least that sends the same messages: python-socketio, a room for each session, emitted from one process.

python -m benchmarks.fanout_bare PORT

``POST /emit`` with ``{"rooms": [...], "gap": seconds}`` emits one message to each room, that far apart.
"""

from __future__ import annotations

import asyncio
import sys
import time

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from benchmarks.fanout_clients import EVENT, message

_WEBSOCKET_SETTINGS = {"ws_per_message_deflate": False, "loop": "uvloop"}


def application() -> ASGIApp:
    """A Socket.IO server, and how a benchmark has it emit."""
    server = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)

    async def connect(*_: object) -> None:
        return None

    async def join(client: str, asked: dict[str, str]) -> dict[str, bool]:
        await server.enter_room(client, asked["session_id"])
        return {"ok": True}

    async def emit(request: Request) -> Response:
        asked = await request.json()
        began = time.monotonic()
        for number, room in enumerate(asked["rooms"]):
            due = began + number * asked["gap"]
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            await server.emit(EVENT, message(room, number + 1, due), to=room)
        return JSONResponse({})

    async def healthz(_: Request) -> Response:
        return JSONResponse({})

    server.on("connect", connect)
    server.on("join_session", join)
    routes = [Route("/emit", emit, methods=["POST"]), Route("/readyz", healthz)]
    made: ASGIApp = socketio.ASGIApp(server, Starlette(routes=routes))
    return made


def main() -> None:
    """Serve until ended."""
    uvicorn.run(
        application(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        **_WEBSOCKET_SETTINGS,  # type: ignore[arg-type]
    )


if __name__ == "__main__":
    main()
