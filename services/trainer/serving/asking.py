"""Who asks for a forecast: a user with a token, or a machine with a key of the session."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials

from services.trainer.serving.keys import holder_of
from shared.runtime.service import Service
from shared.web.authentication import BEARER, asking_caller, verified_caller
from shared.web.fair_use import remember

_API_KEY = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKey",
    auto_error=False,
    description="A session's key for machines (POST /api/training/api-keys/{sessionId}); it opens forecasts alone.",
)


async def _asking(
    request: Request,
    session_id: Annotated[str, Path(alias="sessionId", max_length=128)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    key: Annotated[str | None, Depends(_API_KEY)],
) -> UUID:
    service: Service = request.app.state.service
    if key is None:
        caller = await asking_caller(request, await verified_caller(request, credentials))
        return caller.user_id
    holder = await holder_of(service.database, key, session_id)
    standing = await service.fair_use.ask_by_key(holder.key_id)
    remember(request.scope, standing)
    standing.check()
    return holder.user_id


AskingUser = Annotated[UUID, Depends(_asking)]
"""The user on whose behalf is asked. Raises 401 and 429 problems; 404 for a key of another session."""
