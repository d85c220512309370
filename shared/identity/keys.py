"""The public keys of an identity provider (JWKS), read over HTTP and kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from shared.identity.errors import KeysUnavailable
from shared.telemetry.logs import logger

FRESH_SECONDS = 600.0
"""As Supabase allows caches to keep them."""
UNKNOWN_KEY_SECONDS = 30.0
"""A token of an unknown key, which anybody can make, causes at most one reading in this time."""
RETRY_SECONDS = 5.0
"""After a reading that failed."""
FETCH_SECONDS = 5.0

_ALGORITHMS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}
"""Algorithms, each with the type and the curve of the keys that are used with it, and with it alone."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key and the only algorithm that it is used with."""

    algorithm: str
    key: Any


Fetch = Callable[[str], Awaitable[Any]]


class KeySet:
    """The keys at one URL. While that cannot be read, the keys read before stay in use."""

    def __init__(self, url: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``fetch`` gives the JSON document at a URL; ``clock`` counts seconds."""
        self._url = url
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._keys: Mapping[str, PublicKey] | None = None
        self._stale_at = float("-inf")
        self._retry_at = float("-inf")
        self._unknown_key_at = float("-inf")
        self._reading = asyncio.Lock()

    async def find(self, key_id: str) -> PublicKey | None:
        """The key of that id, or None. Raises :class:`KeysUnavailable` if the keys could not be read even once."""
        if self._wants_reading(key_id) and not (self._reading.locked() and self._known(key_id)):
            async with self._reading:
                if self._wants_reading(key_id):  # nobody read them while this waited
                    await self._read(key_id)
        if self._keys is None:
            raise KeysUnavailable
        return self._keys.get(key_id)

    def _known(self, key_id: str) -> bool:
        return self._keys is not None and key_id in self._keys

    def _wants_reading(self, key_id: str) -> bool:
        now = self._clock()
        if now < self._retry_at:
            return False
        return now >= self._stale_at or (not self._known(key_id) and now >= self._unknown_key_at)

    async def _read(self, key_id: str) -> None:
        if self._clock() < self._stale_at:
            self._unknown_key_at = self._clock() + UNKNOWN_KEY_SECONDS
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = public_keys(await self._fetch(self._url))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            self._retry_at = self._clock() + RETRY_SECONDS
            log.warning("public keys not read", url=self._url, reason=f"{type(error).__name__}: {error}")
            return
        self._stale_at = self._clock() + FRESH_SECONDS
        log.info("public keys read", url=self._url, keys=sorted(self._keys))


def public_keys(document: Any) -> dict[str, PublicKey]:
    """The signing keys of a JWKS document by their ``kid``: RSA for RS256, EC P-256 for ES256.

    Other keys are left out (RFC 7517, section 5). Raises ValueError for what is not a JWKS document.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("not a JWKS document")
    found = {}
    for entry in entries:
        key = _signing_key(entry)
        if key is not None and isinstance(entry.get("kid"), str):
            found[entry["kid"]] = key
    return found


def _signing_key(entry: dict[str, Any]) -> PublicKey | None:
    for algorithm, (key_type, curve) in _ALGORITHMS.items():
        is_of_type = (entry.get("kty"), entry.get("crv")) == (key_type, curve)
        if is_of_type and entry.get("alg", algorithm) == algorithm and entry.get("use", "sig") == "sig":
            try:
                return PublicKey(algorithm, jwt.PyJWK(entry, algorithm).key)
            except jwt.PyJWTError as error:
                log.warning("public key left out", key=entry.get("kid"), reason=str(error))
    return None


async def fetch_json(url: str) -> Any:
    """The JSON document at ``url``. Raises httpx.HTTPError and ValueError."""
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as client:
        answer = await client.get(url)
    answer.raise_for_status()
    return answer.json()
