"""Services on the test's real servers: in this process, called over ASGI, or in one of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from foretide.stack.servers import LocalServers
from shared.identity.issuer import issue_token
from shared.settings import Settings
from tests.ports import free_port
from tests.waiting import until

TOKEN_LIFETIME_SECONDS = 3600


def settings_for(servers: LocalServers, **changes: object) -> Settings:
    """The settings that `foretide up` would give, with short waits."""
    values: dict[str, object] = {
        "bus_url": servers.bus_url,
        "database_url": servers.database_url,
        "store_url": servers.store_url,
        "signing_secret": servers.signing_secret,
        "jwt_secret": servers.jwt_secret,
        "encryption_key": servers.encryption_key,
        "retry_delays_seconds": [1, 2],
        "lease_seconds": 2.0,
        "sweep_seconds": 0.3,
        "public_url": "http://test",
        "requests_per_minute": 1_000_000,
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


class ServiceProcess:
    """``foretide serve`` in a process of its own, which can be killed and started again on its port."""

    def __init__(self, target: str, settings: Settings) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "foretide", "serve", target, "--port", str(self.port)]
        self._environment = {**os.environ, **environment_of(settings)}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdout=asyncio.subprocess.DEVNULL
        )

        async def is_ready() -> bool:
            with suppress(httpx.TransportError):
                return (await client.get(f"{self.url}/readyz")).status_code == 200
            return False

        async with httpx.AsyncClient(trust_env=False) as client:
            await until(is_ready, seconds=120, what=f"{self.url} is ready")

    @property
    def process_id(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """As the kernel does it when memory runs out: without a word."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def __aenter__(self) -> ServiceProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give these settings."""

    def shown(value: object) -> str:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    given = settings.model_dump(exclude_none=True)
    return {f"FORETIDE_{name.upper()}": shown(value) for name, value in given.items()}


def caller(application: FastAPI, servers: LocalServers, user_id: UUID | None = None) -> httpx.AsyncClient:
    """An HTTP client of the application with the token of a user, a new one unless given."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application, raise_app_exceptions=False),
        base_url="http://test",
        headers={"Authorization": f"Bearer {token_of(servers, user_id or uuid4())}"},
        timeout=60,
    )
