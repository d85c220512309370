"""Who calls: every route but the health checks depends on this."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.identity.verifier import Caller, TokenVerifier
from shared.problems import Category, ProblemError

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A Supabase or local Foretide token.")


async def current_caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The verified caller. Raises a 401 problem without a token, or with one that is not valid."""
    if credentials is None:
        raise ProblemError(
            Category.UNAUTHORIZED,
            title="A token is needed",
            detail="The request carries no 'Authorization: Bearer <token>' header.",
            recovery=["Sign in, or take the token from `foretide token`, and send it with every request."],
            headers={"WWW-Authenticate": "Bearer"},
        )
    verifier: TokenVerifier = request.app.state.service.verifier
    return await verifier.verify(credentials.credentials)


CurrentCaller = Annotated[Caller, Depends(current_caller)]
