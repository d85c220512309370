"""Who calls, and whether it is not too much: every route but the health checks depends on this."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.identity.verifier import Caller, TokenVerifier
from shared.problems import Category, ProblemError
from shared.web.fair_use import FairUse, remember

BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A Supabase or local Foretide token.")


async def verified_caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
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


VerifiedCaller = Annotated[Caller, Depends(verified_caller)]
"""Who calls, without a look at budgets: for what stands beside one of the two below."""


async def asking_caller(request: Request, caller: VerifiedCaller) -> Caller:
    """The caller, with one request taken from the user's budget. Raises a 429 problem."""
    fair_use: FairUse = request.app.state.service.fair_use
    standing = await fair_use.ask(caller.user_id)
    remember(request.scope, standing)
    standing.check()
    return caller


CurrentCaller = Annotated[Caller, Depends(asking_caller)]
"""The caller of a control request: one is taken from the user's budget. Raises 401 and 429 problems."""


async def _sending_caller(request: Request, caller: VerifiedCaller) -> Caller:
    service = request.app.state.service
    fair_use: FairUse = service.fair_use
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else service.settings.max_chunk_bytes
    standing = await fair_use.send(caller.user_id, size)
    remember(request.scope, standing)
    standing.check()
    return caller


SendingCaller = Annotated[Caller, Depends(_sending_caller)]
"""The caller of a request whose body is data: its bytes are taken from a budget of their own, before they are read.

The route must read its body itself: FastAPI reads the parameters of a form before it looks who calls.
"""
