"""Tokens of local mode: no account anywhere, the same claims as Supabase's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from shared.identity.verifier import SHARED_SECRET_ALGORITHM, USER_ROLE

LOCAL_ISSUER = "foretide"


def issue_token(secret: str, user_id: UUID, *, lifetime: timedelta, email: str | None = None) -> str:
    """A user's access token, signed with the shared secret, good from now for ``lifetime``."""
    now = datetime.now(UTC)
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": "authenticated",
        "iat": now,
        "exp": now + lifetime,
        "sub": str(user_id),
        "role": USER_ROLE,
        "email": email or "",
    }
    return jwt.encode(claims, secret, algorithm=SHARED_SECRET_ALGORITHM)
