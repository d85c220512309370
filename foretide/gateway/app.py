"""The gateway's application: wiring only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from foretide.gateway.pages import Pages
from foretide.gateway.proxy import Proxy
from foretide.gateway.upstreams import Upstreams
from foretide.gateway.websocket import WebSocketProxy
from shared.web.middleware import Observe
from shared.web.problems import add_problem_handlers

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TUS_HEADERS = ("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata")
_FROM_BROWSERS = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range", "Range"),
    *("traceparent", "Upload-Checksum", "X-API-Key", "X-HTTP-Method-Override"),
    *_TUS_HEADERS,
)
_TO_BROWSERS = (
    *("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location", "Retry-After", "traceparent"),
    *("RateLimit", "RateLimit-Policy"),
    *("Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Version", "Upload-Expires"),
    *_TUS_HEADERS,
)
_PREFLIGHT_SECONDS = 600


def create_gateway(
    upstreams: Mapping[str, Sequence[str]], *, cors_origins: Sequence[str] = (), connect_seconds: float = 10.0
) -> ASGIApp:
    """The ASGI application of ``foretide serve gateway``.

    ``upstreams``: for each service the http:// addresses of its replicas. ``cors_origins``: pages of which origins
    may call. ``connect_seconds``: how long a service that takes no connection is waited for. Raises ``ValueError``
    for a service without address.
    """
    behind = Upstreams(upstreams, connect_seconds=connect_seconds)
    proxy, sockets = Proxy(behind), WebSocketProxy(behind)

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await (sockets if scope["type"] == "websocket" else proxy)(scope, receive, send)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with behind:
            yield

    routes = [*Pages(behind).routes(), Mount("", forward)]
    application = FastAPI(lifespan=lifespan, routes=routes, openapi_url=None)
    add_problem_handlers(application)
    # Around everything, so that a browser can read a problem, too. Tokens come in a header, so no credentials.
    with_cors = CORSMiddleware(
        application,
        allow_origins=cors_origins,
        allow_methods=_METHODS,
        allow_headers=_FROM_BROWSERS,
        expose_headers=_TO_BROWSERS,
        max_age=_PREFLIGHT_SECONDS,
    )
    return Observe(with_cors, service="gateway")
