"""An identity provider of these tests: its secret, its keys, and tokens as Supabase makes them."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = "a shared secret of at least thirty-two bytes"
ISSUER = "https://ref.supabase.co/auth/v1"
USER = UUID("0d3c9b1e-54a8-4c0e-9a5f-2a0d6f7f3c11")
JWKS_URL = "https://ref.supabase.co/auth/v1/.well-known/jwks.json"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a claim changed to None is left out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "sub": str(USER),
        "role": "authenticated",
        "aal": "aal1",
        "session_id": "7a1c63a3-4d53-4a39-a2a0-6d5f4f4f0c5e",
        "email": "somebody@example.org",
        "phone": "",
        "is_anonymous": False,
        "app_metadata": {"provider": "email"},
        "user_metadata": {},
        "amr": [{"method": "password", "timestamp": now}],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def symmetric_token(secret: str = SECRET, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256", headers=headers)


def forged(header: Any, payload: Any, signature: bytes = b"") -> str:
    """A token that no library would make."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    return ".".join([encoded(json.dumps(header).encode()), encoded(json.dumps(payload).encode()), encoded(signature)])


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: PrivateKey, key_id: str, **changes: Any) -> dict[str, Any]:
    jwk: dict[str, Any] = (
        RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        if isinstance(key, rsa.RSAPrivateKey)
        else ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    )
    return {**jwk, "kid": key_id, "use": "sig", **changes}


def public_key_token(key: PrivateKey, key_id: str | None, *, changes: dict[str, Any] | None = None) -> str:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    headers = {} if key_id is None else {"kid": key_id}
    return jwt.encode(claims(**(changes or {})), key, algorithm=algorithm, headers=headers)


@dataclass
class Provider:
    """The JWKS endpoint and a clock: ``fetch`` and ``now`` are given to a KeySet."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    readings: int = 0
    seconds: float = 1000.0

    async def fetch(self, url: str) -> Any:
        assert url == JWKS_URL
        self.readings += 1
        await asyncio.sleep(0)  # others get their turn, as with a real request
        if self.failure is not None:
            raise self.failure
        return {"keys": self.keys}

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def provider() -> Provider:
    return Provider()
