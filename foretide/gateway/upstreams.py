"""The services behind the gateway: where their replicas are, and the connections to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, repeat
from types import TracebackType
from typing import Self

import aiohttp

from foretide.gateway.routes import SERVICES
from foretide.gateway.sticky import in_order

SILENCE_SECONDS = 300.0
"""How long a service that has the request may send nothing."""

_CONNECT_SECONDS = 3.0
_PAUSE_SECONDS = 0.2
# Below the 5 s after which uvicorn closes an idle connection: none is taken up that the service is closing.
_KEEP_ALIVE_SECONDS = 3.0
_LONGEST_HEADER = 64 * 1024
_READ_SECONDS = 3.0


class Upstreams:
    """Each service's addresses, taken in turn, and one pool of connections; open while its ``async with`` lasts."""

    def __init__(self, addresses: Mapping[str, Sequence[str]], *, connect_seconds: float = 10.0) -> None:
        """``connect_seconds``: how long a service that takes no connection is waited for, as while it is restarted.

        Raises ``ValueError`` for a service without address, and for an address that is no http:// URL.
        """
        for service in SERVICES:
            if not addresses.get(service):
                raise ValueError(f"the gateway is given no address of the {service} service")
            for url in addresses[service]:
                if not url.startswith(("http://", "https://")):
                    raise ValueError(f"{url!r} is no http:// address (of the {service} service)")
        self._addresses = {service: [url.rstrip("/") for url in addresses[service]] for service in SERVICES}
        self._turns = {service: count() for service in SERVICES}
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool of connections."""
        if self._session is None:
            raise RuntimeError("the gateway is not running")
        return self._session

    def attempts(self, service: str, key: str | None = None) -> Iterator[tuple[float, str]]:
        """Addresses to try one after the other, each with the seconds to wait before.

        All of the service's replicas, beginning with the one whose turn it is, or with that of the key's client where
        there is a key, and again, until the time is up.
        """
        ends = time.monotonic() + self._connect_seconds
        for pause in chain([0.0], repeat(_PAUSE_SECONDS)):
            if pause and time.monotonic() + pause > ends:
                return
            urls = self._in_turn(service) if key is None else in_order(self._addresses[service], key)
            first, *others = urls
            yield pause, first
            yield from ((0.0, url) for url in others)

    async def read(self, service: str, path: str) -> tuple[int, bytes]:
        """Status and body of a GET to the first replica that answers. Raises ``OSError`` when none does in time."""
        for url in self._in_turn(service):
            try:
                request = self.session.get(f"{url}{path}", headers={"Accept-Encoding": "identity"})
                async with asyncio.timeout(_READ_SECONDS), request as answer:
                    return answer.status, await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                continue
        raise OSError(f"no replica of {service} answers")

    async def states(self) -> dict[str, str]:
        """For each service ``ready``, ``not ready`` or ``unreachable``."""

        async def state(service: str) -> str:
            try:
                status, _ = await self.read(service, "/readyz")
            except OSError:
                return "unreachable"
            return "ready" if status == 200 else "not ready"

        return dict(zip(SERVICES, await asyncio.gather(*map(state, SERVICES)), strict=True))

    def _in_turn(self, service: str) -> list[str]:
        urls = self._addresses[service]
        first = next(self._turns[service]) % len(urls)
        return urls[first:] + urls[:first]
