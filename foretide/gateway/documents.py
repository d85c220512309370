"""The merged OpenAPI document, read from the running services and kept until it changes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import orjson

from foretide.gateway.openapi_merge import merge
from foretide.gateway.routes import SERVICES
from foretide.gateway.upstreams import Upstreams
from shared.telemetry.logs import logger

log = logger(__name__)

_FRESH_SECONDS = 5.0


class ApiDocument:
    """What ``/openapi.json`` says. A service that is away keeps what it said last."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._bodies: dict[str, bytes] = {}
        self._away: set[str] = set()
        self._merged = b""
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def current(self) -> tuple[bytes, str]:
        """The document as JSON and its entity tag."""
        async with self._reading:
            if time.monotonic() - self._read_at > _FRESH_SECONDS:
                await self._renew()
                self._read_at = time.monotonic()
        return self._merged, f'"{hashlib.sha256(self._merged).hexdigest()[:32]}"'

    async def _renew(self) -> None:
        found = dict(zip(SERVICES, await asyncio.gather(*(self._read(name) for name in SERVICES)), strict=True))
        bodies = self._bodies | {name: body for name, body in found.items() if body is not None}
        away = {name for name, body in found.items() if body is None}
        if (bodies, away) != (self._bodies, self._away) or not self._merged:
            documents = {name: orjson.loads(body) for name, body in bodies.items()}
            self._merged = orjson.dumps(merge(documents, unavailable=away))
            self._bodies, self._away = bodies, away

    async def _read(self, service: str) -> bytes | None:
        try:
            status, body = await self._upstreams.read(service, "/openapi.json")
            document: Any = orjson.loads(body)
        except (OSError, orjson.JSONDecodeError) as error:
            log.warning("no OpenAPI document", service=service, error=str(error))
            return None
        if status != 200 or not isinstance(document, dict):
            log.warning("no OpenAPI document", service=service, status=status)
            return None
        return body
