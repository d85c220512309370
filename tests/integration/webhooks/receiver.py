"""A receiver of webhooks on 127.0.0.1, and its own way of telling whether what came is genuine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.integration.gateway.servers import serving
from tests.ports import free_port


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def is_signed_by(self, secret: str) -> bool:
        """By the text of Standard Webhooks, without the library that signs."""
        return genuine(self.headers, self.body, secret)


def genuine(headers: dict[str, str], body: bytes, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    given = [signature.split(",") for signature in headers["webhook-signature"].split(" ")]
    return fresh and any(version == "v1" and hmac.compare_digest(value, expected) for version, value in given)


Answer = Callable[[Received], Awaitable[Response]]


async def _accept(_: Received) -> Response:
    return Response(status_code=204)


@dataclass
class Receiver:
    """Answers as it is told to; keeps what came."""

    answer: Answer = _accept
    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def times(self) -> Counter[str]:
        """How often each message came."""
        return Counter(entry.message_id for entry in self.received)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve from here on, until the block ends; can be done again, on the same port."""
        return serving(self, self.port)

    def always(self, status: int, text: str = "", **headers: str) -> Receiver:
        """Give this answer from now on."""

        async def answer(_: Received) -> Response:
            return Response(text, status, headers={name.replace("_", "-"): value for name, value in headers.items()})

        self.answer = answer
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        request = Request(scope, receive)
        entry = Received(dict(request.headers), await request.body())
        self.received.append(entry)
        response = await self.answer(entry)
        await response(scope, receive, send)
