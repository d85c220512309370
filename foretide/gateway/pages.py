"""What the gateway answers itself: pages for people, documents for programs, health for probes."""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from foretide.gateway.asyncapi_page import render
from foretide.gateway.documents import ApiDocument
from foretide.gateway.upstreams import Upstreams
from shared.bus.asyncapi import build_document

_ASSETS = Path(__file__).parent / "assets"
_SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # The landing page's address carries a token.
    "Cache-Control": "no-store",
}
# Swagger UI puts style attributes into its markup.
_DOCS_HEADERS = _HEADERS | {
    "Content-Security-Policy": _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
}


class Pages:
    """The gateway's own routes; everything else is a service's."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._document = ApiDocument(upstreams)

    def routes(self) -> list[BaseRoute]:
        """To be put before those of the services."""
        return [
            Route("/", self._landing),
            Route("/docs", self._docs),
            Route("/openapi.json", self._openapi),
            Route("/asyncapi", self._asyncapi_page),
            Route("/asyncapi.json", self._asyncapi),
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Mount("/assets/swagger-ui", StaticFiles(directory=_SWAGGER_UI)),
            Mount("/assets", StaticFiles(directory=_ASSETS)),
        ]

    async def _landing(self, _: Request) -> Response:
        return FileResponse(_ASSETS / "index.html", headers=_HEADERS)

    async def _docs(self, _: Request) -> Response:
        return FileResponse(_ASSETS / "docs.html", headers=_DOCS_HEADERS)

    async def _openapi(self, request: Request) -> Response:
        document, tag = await self._document.current()
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(document, media_type="application/json", headers=headers)

    async def _asyncapi_page(self, _: Request) -> Response:
        return HTMLResponse(render(build_document()), headers=_HEADERS)

    async def _asyncapi(self, _: Request) -> Response:
        return JSONResponse(build_document())

    async def _alive(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, _: Request) -> Response:
        """The gateway is ready when it runs: one service that is away must not close the door to the others."""
        return JSONResponse({"status": "ready", "services": await self._upstreams.states()})
