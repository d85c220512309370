"""The gateway's application: wiring only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import fastapi_offline
import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from foretide.gateway.asyncapi_page import render
from foretide.gateway.documents import fetch_documents, merge
from foretide.gateway.proxy import Proxy
from foretide.gateway.routes import service_for
from foretide.gateway.upstreams import Upstreams
from foretide.gateway.websocket import forward_websocket
from shared.bus.asyncapi import build_document
from shared.problems import not_found
from shared.web.middleware import Observe
from shared.web.problems import problem_response

_PAGES = Path(__file__).parent / "pages"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_gateway(
    upstreams: Mapping[str, Sequence[str]], *, cors_origins: Sequence[str] = (), connect_seconds: float = 10.0
) -> ASGIApp:
    """The ASGI application. ``upstreams``: each service's addresses; ``connect_seconds``: see :class:`Proxy`."""
    behind = Upstreams(upstreams)
    proxy = Proxy(behind, connect_seconds=connect_seconds)

    async def forward(request: Request) -> Response:
        service = service_for(request.url.path, request.method)
        if service is None:
            return problem_response(not_found("Page", request.url.path).problem, request)
        return await proxy.forward(request, service)

    async def websocket(socket: WebSocket) -> None:
        await forward_websocket(socket, behind, "notifier")

    async def ready(_: Request) -> Response:
        services = await _readiness(behind)
        return JSONResponse({"services": services}, 200 if all(services.values()) else 503)

    async def openapi(_: Request) -> Response:
        return JSONResponse(merge(await fetch_documents(behind)))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await proxy.close()

    middleware = [Middleware(Observe, service="gateway")]
    if cors_origins:
        middleware.append(
            Middleware(CORSMiddleware, allow_origins=list(cors_origins), allow_methods=_METHODS, allow_headers=["*"])
        )
    return Starlette(
        lifespan=lifespan,
        middleware=middleware,
        routes=[
            Route("/", _page("index.html")),
            Route("/docs", _page("docs.html")),
            Route("/openapi.json", openapi),
            Route("/asyncapi", _asyncapi_page),
            Route("/asyncapi.json", _asyncapi_document),
            Route("/healthz", _alive),
            Route("/readyz", ready),
            Mount("/pages/swagger", StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")),
            Mount("/pages", StaticFiles(directory=_PAGES)),
            WebSocketRoute("/socket.io/", websocket),
            Route("/{path:path}", forward, methods=_METHODS),
        ],
    )


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(_PAGES / name, headers=_PAGE_HEADERS)

    return page


async def _asyncapi_page(_: Request) -> Response:
    return HTMLResponse(render(build_document()), headers=_PAGE_HEADERS)


async def _asyncapi_document(_: Request) -> Response:
    return JSONResponse(build_document())


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _readiness(upstreams: Upstreams) -> dict[str, bool]:
    """For each service, whether one of its replicas is ready."""
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

        async def ready(service: str) -> bool:
            for url in upstreams.in_turn(service):
                try:
                    if (await client.get(f"{url}/readyz")).is_success:
                        return True
                except httpx.HTTPError:
                    continue
            return False

        answers = await asyncio.gather(*(ready(service) for service in upstreams.services))
    return dict(zip(upstreams.services, answers, strict=True))
