"""A service's application in this process, on the test's real servers, called over its ASGI interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.identity.issuer import issue_token
from shared.settings import Settings

TOKEN_LIFETIME_SECONDS = 3600


def settings_for(servers: LocalServers, **changes: object) -> Settings:
    """The settings that `foretide up` would give, with short waits."""
    values: dict[str, object] = {
        "bus_url": servers.bus_url,
        "database_url": servers.database_url,
        "store_url": servers.store_url,
        "signing_secret": servers.signing_secret,
        "jwt_secret": servers.jwt_secret,
        "retry_delays_seconds": [1, 2],
        "lease_seconds": 2.0,
        "sweep_seconds": 0.3,
        "public_url": "http://test",
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def token_of(servers: LocalServers, user_id: UUID) -> str:
    """A valid token of this user."""
    from datetime import timedelta

    return issue_token(servers.jwt_secret, user_id, lifetime=timedelta(seconds=TOKEN_LIFETIME_SECONDS))


@asynccontextmanager
async def running(application: FastAPI) -> AsyncIterator[FastAPI]:
    """Inside, the application's lifespan runs."""
    async with application.router.lifespan_context(application):
        yield application


def caller(application: FastAPI, servers: LocalServers, user_id: UUID | None = None) -> httpx.AsyncClient:
    """An HTTP client of the application with the token of a user, a new one unless given."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application, raise_app_exceptions=False),
        base_url="http://test",
        headers={"Authorization": f"Bearer {token_of(servers, user_id or uuid4())}"},
        timeout=60,
    )
