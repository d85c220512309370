"""One attempt over HTTP: to an address that was looked at, in bounded time, with a bounded look at the answer."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp
from aiohttp.client_reqrep import ClientResponse

from services.notifier.webhooks.addresses import Forbidden, Rule
from services.notifier.webhooks.bounded import bounded, bounded_socket
from services.notifier.webhooks.outcome import Outcome, asked_pause
from services.notifier.webhooks.resolving import Resolver
from shared.events.envelope import CONTENT_TYPE
from shared.problems import ProblemError

_URL = re.compile(r"https?://\S+")
_EXCERPT_BYTES = 1024
_EXCERPT_SECONDS = 2.0
_LONGEST_ERROR = 500


class Client:
    """Posts; follows no redirect, keeps no cookie and no connection, and reads no proxy from the environment."""

    def __init__(self, rule: Rule, resolver: Resolver, timeout_seconds: float) -> None:
        self._rule = rule
        self._resolver = resolver
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """To be called in the running loop."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            use_dns_cache=False,
            socket_factory=self._socket,
            force_close=True,
            limit=0,
        )
        self._session = aiohttp.ClientSession(
            connector=bounded(connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_EXCERPT_BYTES,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "Foretide-Webhooks", "Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Cut what is open."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send it once. Never raises for what the receiver does."""
        assert self._session is not None
        started_at, began = datetime.now(UTC), time.monotonic()
        status: int | None = None
        error: str | None = None
        answer: str | None = None
        pause: float | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                checked = self._rule.check_url(url)
                async with self._session.post(checked, data=body, headers=headers, allow_redirects=False) as response:
                    status = response.status
                    error = _why_no_success(response)
                    pause = asked_pause(status, response.headers.get("Retry-After"), datetime.now(UTC))
                    answer = await _excerpt(response)
        except TimeoutError:
            if status is None:
                error = f"There was no answer within {self._timeout_seconds:g} s."
        except ProblemError as problem:
            error = problem.problem.detail.replace(repr(url[:200]), "its URL")
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            if status is None:
                # It is logged, too, and what is in a URL is often a secret.
                error = f"{type(failure).__name__}: {_said(failure)}"
        return Outcome(
            started_at,
            time.monotonic() - began,
            status,
            _storable(error[:_LONGEST_ERROR]) if error else None,
            answer,
            pause,
        )

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Called with the very address that is connected to next, be it of a name or a literal one."""
        family, kind, protocol, _, address = info
        if not self._rule.allows(str(address[0])):
            raise Forbidden(errno.EACCES, "the address that the host leads to is not public")
        return bounded_socket(family, kind, protocol)


def _said(failure: Exception) -> str:
    text = failure.message if isinstance(failure, aiohttp.ClientResponseError) else str(failure)
    return _URL.sub("its URL", text)


def _why_no_success(response: ClientResponse) -> str | None:
    if 300 <= response.status < 400:
        target = response.headers.get("Location", "nowhere")
        return f"Redirects are not followed; this one leads to {target[:200]}."
    return None


async def _excerpt(response: ClientResponse) -> str:
    """The beginning of the body: what came of it before the connection broke or time was up."""
    read = b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_EXCERPT_SECONDS):
            while len(read) < _EXCERPT_BYTES and (part := await response.content.read(_EXCERPT_BYTES - len(read))):
                read += part
    return _storable(read.decode(errors="replace"))


def _storable(text: str) -> str:
    """As text that a database can keep: headers have what is not UTF-8 as lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "�")
