"""A small ASGI application behind real HTTP on 127.0.0.1."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


def free_socket() -> socket.socket:
    """A bound socket: its port is known before the server runs."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def url_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def serve(application: ASGIApp, bound: socket.socket) -> AsyncIterator[str]:
    """Serves until left; gives the base URL."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        yield url_of(bound)
    finally:
        server.should_exit = True
        await running
