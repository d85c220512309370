"""Servers on 127.0.0.1 for the gateway's tests: the gateway itself, and services that do as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from foretide.gateway.app import create_gateway
from foretide.gateway.routes import SERVICES
from tests.ports import free_port

Answer = Callable[[Request], Awaitable[Response]]
Talk = Callable[[WebSocket], Awaitable[None]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(application: ASGIApp, port: int) -> AsyncIterator[None]:
    """The application behind real HTTP, with its lifespan; connections still open at the end are cut."""
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            forwarded_allow_ips="",  # nothing stands before the gateway here
        )
    )
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def serving_raw(talk: Raw, port: int) -> AsyncIterator[None]:
    """A server that speaks HTTP byte by byte, or breaks it; each connection is closed when ``talk`` returns."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", port):
        yield


@dataclass
class FakeService:
    """A service that answers as ``answer`` and ``talk`` say; it keeps what it was asked."""

    name: str
    port: int = field(default_factory=free_port)
    answer: Answer | None = None
    talk: Talk | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve from here on, until the block ends; can be done again, on the same port."""
        return serving(self, self.port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        if scope["type"] == "websocket":
            assert self.talk is not None
            await self.talk(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        self.requests.append(request)
        response = await self.answer(request) if self.answer else JSONResponse({"service": self.name})
        await response(scope, receive, send)


@asynccontextmanager
async def gateway(
    *services: FakeService,
    upstreams: Mapping[str, Sequence[str]] | None = None,
    cors_origins: Sequence[str] = (),
    connect_seconds: float = 10.0,
) -> AsyncIterator[str]:
    """A gateway before these services, whether they run or not; the others run nowhere. Gives its URL."""
    nowhere = {name: [f"http://127.0.0.1:{free_port()}"] for name in SERVICES}
    addresses = {**nowhere, **{service.name: [service.url] for service in services}, **(upstreams or {})}
    port = free_port()
    application = create_gateway(addresses, cors_origins=cors_origins, connect_seconds=connect_seconds)
    async with serving(application, port):
        yield f"http://127.0.0.1:{port}"
