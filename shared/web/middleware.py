"""One span, one log line and one measurement per request; plain ASGI, so bodies stream through untouched."""

from __future__ import annotations

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace

log = logger(__name__)

_SECONDS = Histogram("foretide_http_seconds", "Time to answer a request.", ["service", "method", "route"])
_ANSWERS = Counter("foretide_http_answers_total", "Answers by status.", ["service", "method", "route", "status"])
_QUIET = ("/healthz", "/readyz", "/metrics")


class Observe:
    """Continues the caller's trace (``traceparent``) and records what the request came to."""

    def __init__(self, application: ASGIApp, service: str) -> None:
        self._application = application
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection through."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        began = time.perf_counter()
        status = 500

        async def observe_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"traceparent", traceparent.encode()))
            await send(message)

        with continue_trace(headers.get(b"traceparent", b"").decode("latin-1")) as traceparent:
            try:
                await self._application(scope, receive, observe_send)
            finally:
                self._record(scope, status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, never the path: identifiers in labels would grow without bound.
        route = getattr(scope.get("route"), "path", "unknown")
        _SECONDS.labels(self._service, scope["method"], route).observe(seconds)
        _ANSWERS.labels(self._service, scope["method"], route, str(status)).inc()
        if scope["path"] not in _QUIET:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1e3, 1),
            )
