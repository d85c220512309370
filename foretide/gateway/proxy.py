"""HTTP through the gateway: streamed both ways, whatever its size, to the service that the path belongs to.

A service that takes no connection is waited for: what its supervisor restarts is not missed. Own code over aiohttp's
client: the proxy libraries there are read queries and headers into something else, and neither wait for a service nor
let go of it when the client leaves.
"""

from __future__ import annotations

import asyncio

import aiohttp
from starlette.types import Receive, Scope, Send
from yarl import URL

from foretide.gateway.headers import request_headers, response_headers
from foretide.gateway.incoming import ClientGone, Incoming, OutgoingBody
from foretide.gateway.problems import broken_off, too_slow, unreachable
from foretide.gateway.routes import route_for
from foretide.gateway.sticky import client_key
from foretide.gateway.upstreams import SILENCE_SECONDS, Upstreams
from shared.problems import not_found
from shared.telemetry.logs import logger

log = logger(__name__)

_NOT_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")
_CANNOT_CONNECT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class Proxy:
    """An ASGI application for every path that the gateway does not answer itself."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on. Raises problems: 404 for nobody's path, 413, 502, 503, 504."""
        route = route_for(scope["path"], scope["method"])
        if route is None:
            raise not_found("Page", scope["path"])
        incoming = Incoming(scope, receive, route.largest_body)
        exchange = asyncio.create_task(self._exchange(scope, route.service, incoming, send))
        leaving = asyncio.create_task(incoming.client_gone())
        try:
            await asyncio.wait({exchange, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not exchange.done():
                exchange.cancel()
            await asyncio.gather(exchange, leaving, return_exceptions=True)
        if not exchange.cancelled():
            exchange.result()

    async def _exchange(self, scope: Scope, service: str, incoming: Incoming, send: Send) -> None:
        try:
            answer = await self._answer(scope, service, incoming)
        except ClientGone:
            return
        try:
            headers = response_headers(answer.raw_headers)
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for block in answer.content.iter_any():
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body"})
        except (aiohttp.ClientError, TimeoutError) as error:
            # Too late for a problem. The server in front cuts the connection of an answer without an end, so that
            # the client cannot take half of it for the whole.
            log.warning("answer cut off", service=service, path=scope["path"], error=repr(error))
        finally:
            answer.close()

    async def _answer(self, scope: Scope, service: str, incoming: Incoming) -> aiohttp.ClientResponse:
        """The service's answer, its body still to be read.

        The client library itself repeats once what may be done twice (RFC 9110 section 9.2.2), if no byte of its
        body was sent.
        """
        for pause, url in self._upstreams.attempts(service, client_key(scope)):
            await asyncio.sleep(pause)
            try:
                return await self._upstreams.session.request(
                    scope["method"],
                    URL(url + _target(scope), encoded=True),
                    headers=request_headers(scope),
                    data=OutgoingBody(incoming) if incoming.has_body else None,
                    skip_auto_headers=_NOT_ADDED,
                    allow_redirects=False,
                )
            except _CANNOT_CONNECT as error:
                log.debug("no connection", service=service, url=url, error=str(error))
            except aiohttp.SocketTimeoutError as error:
                raise too_slow(service, SILENCE_SECONDS) from error
            except aiohttp.ClientError as error:
                if incoming.failure is not None:
                    raise incoming.failure from error
                raise broken_off(service) from error
        raise unreachable(service)


def _target(scope: Scope) -> str:
    """Path and query, letter for letter as the client sent them."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("ascii")
