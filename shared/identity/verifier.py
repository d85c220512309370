"""Who calls: verification of Supabase's access tokens, and of the local ones, which look the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import jwt

from shared.identity.errors import token_expired, token_invalid, token_missing
from shared.identity.keys import KeySet, PublicKey
from shared.settings import Settings

USER_ROLE = "authenticated"
SHARED_SECRET_ALGORITHM = "HS256"
MIN_SECRET_BYTES = 32
LEEWAY_SECONDS = 30
"""How far the issuer's clock may be ahead of ours."""
_MAX_TOKEN_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user; ``claims`` are all of the token's, ``expires_at`` is when it stops to count."""

    user_id: UUID
    claims: dict[str, Any]
    expires_at: datetime


class TokenVerifier:
    """Verifies HS256 tokens with a shared secret, RS256 and ES256 tokens with public keys, or both."""

    def __init__(
        self,
        *,
        secret: str | None = None,
        keys: KeySet | None = None,
        issuer: str | None = None,
        audience: str = "authenticated",
    ) -> None:
        """``issuer`` is compared where given. Raises ValueError for a secret of less than 32 bytes, or for neither."""
        if secret is None and keys is None:
            raise ValueError("tokens are verified with a shared secret, with public keys or with both")
        if secret is not None and len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"a shared secret for tokens has at least {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The verifier that the settings describe; nothing is read yet."""
        return cls(
            secret=settings.jwt_secret.get_secret_value() if settings.jwt_secret else None,
            keys=KeySet(settings.jwks_url) if settings.jwks_url else None,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
        )

    async def verify(self, token: str) -> Caller:
        """The user whom the token names.

        Raises :class:`~shared.identity.errors.TokenRefused` (401) for every token that is not a valid one of a
        user, and :class:`~shared.identity.errors.KeysUnavailable` (503) while none can be judged.
        """
        if not token:
            raise token_missing()
        if token.startswith("sb_"):
            raise token_invalid("This is an API key of a project; a user's token is needed")
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise token_invalid("The token is too long")
        try:
            key = await self._key_for(jwt.get_unverified_header(token))
            return self._caller(self._claims(token, key))
        except jwt.ExpiredSignatureError as error:
            raise token_expired() from error
        # Not all nonsense in a token is turned into an error of its own by the library.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise token_invalid(str(error) or "The token cannot be read") from error

    async def _key_for(self, header: dict[str, Any]) -> PublicKey:
        """The key decides the algorithm; the token's own word for it has to agree."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm == SHARED_SECRET_ALGORITHM and self._secret is not None:
            return PublicKey(SHARED_SECRET_ALGORITHM, self._secret)
        if algorithm == SHARED_SECRET_ALGORITHM or self._keys is None:
            raise jwt.InvalidAlgorithmError(f"Tokens signed with {algorithm!r} are not accepted here")
        key = await self._keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise jwt.InvalidKeyError("The token is signed with an unknown key")
        return key

    def _claims(self, token: str, key: PublicKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub", "aud"]},
        )

    def _caller(self, claims: dict[str, Any]) -> Caller:
        # The leeway is for tokens that begin early, not for those that end late.
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
        if expires_at <= datetime.now(UTC):
            raise jwt.ExpiredSignatureError
        if claims.get("role") != USER_ROLE:
            raise jwt.InvalidTokenError(f"The token is not a user's: its role is {claims.get('role')!r}")
        subject = claims["sub"]
        user_id = UUID(subject)
        if str(user_id) != subject.lower():
            raise jwt.InvalidTokenError("The token's subject is not a UUID")
        return Caller(user_id, claims, expires_at)
