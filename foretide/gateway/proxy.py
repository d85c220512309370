"""HTTP through the gateway: streamed both ways, whatever its size.

A connection that cannot be made is tried again for a while: a service that its supervisor restarts is not missed.
Own code over httpx: the proxy libraries of this field neither retry connections nor know several upstreams.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from foretide.gateway.upstreams import Upstreams
from shared.problems import Category, ProblemError
from shared.telemetry.logs import logger
from shared.web.problems import problem_response

log = logger(__name__)

MAX_BODY_BYTES = 512 * 1024 * 1024
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_SET_BY_US = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"host"})
_RETRY_SECONDS = 0.2
_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout)
_SAFE = ("GET", "HEAD", "OPTIONS")


class Proxy:
    """Forwards requests to the upstreams of a service."""

    def __init__(self, upstreams: Upstreams, *, connect_seconds: float = 10.0) -> None:
        """``connect_seconds``: how long a service that cannot be reached is waited for."""
        self._upstreams = upstreams
        self._connect_seconds = connect_seconds
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(600, connect=2, pool=30),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=2),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def forward(self, request: Request, service: str) -> Response:
        """The upstream's answer, or a problem: 413 for a body too large, 502 and 503 for a service that is away."""
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            return problem_response(_too_large().problem, request)
        try:
            answer = await self._send(request, service)
        except ClientDisconnect:
            return Response(status_code=499)
        except ProblemError as error:
            return problem_response(error.problem, request, error.headers)
        headers = [(k, v) for k, v in answer.headers.raw if k.lower() not in _HOP_BY_HOP]
        response = StreamingResponse(_body(answer), status_code=answer.status_code)
        response.raw_headers = headers
        return response

    async def _send(self, request: Request, service: str) -> httpx.Response:
        deadline = asyncio.get_running_loop().time() + self._connect_seconds
        has_body = request.method not in _SAFE
        tries_left = 0 if has_body else 1
        while True:
            for url in self._upstreams.in_turn(service):
                outgoing = self._client.build_request(
                    request.method,
                    httpx.URL(url + request.url.path).copy_with(query=request.url.query.encode()),
                    headers=_headers(request),
                    content=_limited(request) if has_body else None,
                )
                try:
                    return await self._client.send(outgoing, stream=True)
                except _CONNECT_ERRORS as error:
                    # Nothing was sent: the next replica, or the same one a moment later.
                    log.debug("upstream not reached", service=service, error=str(error))
                except httpx.TransportError as error:
                    if tries_left == 0:
                        raise _broken(service) from error
                    tries_left -= 1
            if asyncio.get_running_loop().time() > deadline:
                raise _away(service)
            await asyncio.sleep(_RETRY_SECONDS)


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    kept = [(k, v) for k, v in request.headers.raw if k.lower() not in _HOP_BY_HOP | _SET_BY_US]
    client = request.client.host if request.client else ""
    return [
        *kept,
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-proto", request.url.scheme.encode()),
        (b"x-forwarded-host", request.headers.get("host", "").encode()),
    ]


async def _limited(request: Request) -> AsyncIterator[bytes]:
    """The request's body as it comes; a body that lies about its size ends here."""
    size = 0
    async for block in request.stream():
        size += len(block)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        yield block


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for block in answer.aiter_raw():
            yield block
    finally:
        await answer.aclose()


def _too_large() -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The request is too large",
        detail=f"A request may have {MAX_BODY_BYTES} bytes.",
        recovery=["Send the file in chunks."],
        status=413,
    )


def _away(service: str) -> ProblemError:
    return ProblemError(
        Category.BUS_UNAVAILABLE,
        title="A service is away",
        detail=f"The {service} service cannot be reached.",
        recovery=["Try again in a few seconds."],
        retryable=True,
        headers={"Retry-After": "1"},
    )


def _broken(service: str) -> ProblemError:
    return ProblemError(
        Category.BUS_UNAVAILABLE,
        title="The connection to a service broke",
        detail=f"The {service} service ended while it worked on the request; it may or may not have been done.",
        recovery=["Send the request again, with the same Idempotency-Key if it starts work."],
        status=502,
        retryable=True,
        headers={"Retry-After": "1"},
    )
