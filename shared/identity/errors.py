"""Why a token is not accepted."""

from __future__ import annotations

from shared.problems import Category, ProblemError

_INVALID_TOKEN = 'Bearer error="invalid_token"'
_SIGN_IN_AGAIN = ["Sign in again, or take a new token from `foretide token`."]


class TokenRefused(ProblemError):
    """401: who calls is not known. Clients tell the reasons apart by the title."""

    def __init__(self, title: str, detail: str, *, challenge: str) -> None:
        super().__init__(
            Category.UNAUTHORIZED,
            title=title,
            detail=detail,
            recovery=_SIGN_IN_AGAIN,
            headers={"WWW-Authenticate": challenge},
        )


def token_missing() -> TokenRefused:
    """Nothing was sent, so nothing is said about it either (RFC 6750, section 3)."""
    return TokenRefused("A token is needed", "The request carries no bearer token.", challenge="Bearer")


def token_expired() -> TokenRefused:
    """It was good once."""
    return TokenRefused(
        "The token has expired",
        "The token's time is over.",
        challenge=_INVALID_TOKEN,
    )


def token_invalid(reason: str) -> TokenRefused:
    """It never was good, or not for us."""
    return TokenRefused("The token is not valid", f"{reason}.", challenge=_INVALID_TOKEN)


class KeysUnavailable(ProblemError):
    """The public keys were never read, so no token can be judged: 503, because the caller did nothing wrong."""

    def __init__(self) -> None:
        super().__init__(
            Category.INTERNAL,
            title="Tokens cannot be checked now",
            detail="The public keys that verify tokens cannot be read.",
            recovery=["Try again in a few seconds."],
            status=503,
            retryable=True,
            headers={"Retry-After": "5"},
        )
