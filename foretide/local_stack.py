"""``foretide up``: servers, migrations and all services in one process tree, behind one port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx

from foretide.running import Running, forget, remember
from foretide.stack.ports import is_free
from foretide.stack.servers import LocalServers, StoreKind
from foretide.stack.supervisor import Change, Part, PartChange, Supervisor, log_change
from foretide.targets import API_OF_SERVICE, GATEWAY, SERVICES
from shared.database.migrate import migrate
from shared.identity.issuer import issue_token
from shared.problems import Category, ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

_READY_SECONDS = 90.0
_DEATHS_AT_START = 4
_SERVER_CHECK_SECONDS = 1.0
_TOKEN_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that answers. ``token`` is the local user's."""

    url: str
    token: str
    bus_url: str
    servers: LocalServers
    supervisor: Supervisor


@asynccontextmanager
async def local_stack(
    data_directory: Path,
    *,
    port: int = 8080,
    store: StoreKind = "folder",
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
    on_change: Callable[[PartChange], None] = log_change,
) -> AsyncIterator[RunningStack]:
    """Start everything, wait until it answers, and stop it cleanly.

    External parts are used where ``FORETIDE_BUS_URL``, ``FORETIDE_DATABASE_URL`` or ``FORETIDE_STORE_URL`` name
    them. ``settings`` are further ``FORETIDE_…`` variables for the services. Raises :class:`ProblemError`.
    """
    _require_free(port)
    servers = LocalServers(
        data_directory,
        store=store,
        bus_url=os.environ.get("FORETIDE_BUS_URL"),
        database_url=os.environ.get("FORETIDE_DATABASE_URL"),
        store_url=os.environ.get("FORETIDE_STORE_URL"),
    )
    async with servers:
        await _migrate(servers)
        url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, **_service_environment(servers, url), **(settings or {})}
        ports = _part_ports(servers, port=port, workers=workers)
        parts = _parts(environment, ports)
        deaths: Counter[str] = Counter()

        def told(change: PartChange) -> None:
            if change.change is Change.DIED:
                deaths[change.part] += 1
            on_change(change)

        async with Supervisor(parts, log_directory=servers.log_directory, on_change=told) as supervisor:
            watching = asyncio.create_task(_restart_dead_servers(servers))
            try:
                await _until_ready(ports, deaths, servers.log_directory)
                token = local_token(servers)
                stack = RunningStack(url, token, servers.bus_url, servers, supervisor)
                remember(
                    servers.data_directory,
                    Running(url, token, servers.bus_url, servers.database_url, servers.store_url),
                )
                yield stack
            finally:
                forget(servers.data_directory)
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching


def local_token(servers: LocalServers) -> str:
    """A token of the one local user, valid for a month."""
    return issue_token(servers.jwt_secret, UUID(servers.local_user_id), lifetime=_TOKEN_LIFETIME)


async def _migrate(servers: LocalServers) -> None:
    external = os.environ.get("FORETIDE_DATABASE_URL") is not None
    owner_url = os.environ.get("FORETIDE_MIGRATION_DATABASE_URL") or servers.database_superuser_url
    done = await migrate(owner_url, authenticator_password=None if external else servers.authenticator_password)
    if done:
        log.info("migrations applied", count=len(done))


def _service_environment(servers: LocalServers, url: str) -> dict[str, str]:
    return {
        "FORETIDE_BUS_URL": servers.bus_url,
        "FORETIDE_DATABASE_URL": servers.database_url,
        "FORETIDE_STORE_URL": servers.store_url,
        "FORETIDE_PUBLIC_URL": url,
        "FORETIDE_SIGNING_SECRET": servers.signing_secret,
        "FORETIDE_JWT_SECRET": servers.jwt_secret,
        "FORETIDE_ENCRYPTION_KEY": servers.encryption_key,
        # Whoever may call these services is the one who runs them, and their receivers are on this machine, too.
        "FORETIDE_WEBHOOK_ALLOW_HTTP": "true",
        "FORETIDE_WEBHOOK_ALLOW_PRIVATE": "true",
        "FORETIDE_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }


def _part_ports(servers: LocalServers, *, port: int, workers: int) -> dict[str, tuple[str, int]]:
    """For each part's name its target and the port that it listens on."""
    ports: dict[str, tuple[str, int]] = {}
    for target in SERVICES:
        copies = workers if target == "trainer-worker" else 1
        for number in range(1, copies + 1):
            name = target if copies == 1 else f"{target}-{number}"
            ports[name] = (target, servers.ports.claim(f"service {name}"))
    ports[GATEWAY] = (GATEWAY, port)
    return ports


def _parts(environment: Mapping[str, str], ports: Mapping[str, tuple[str, int]]) -> list[Part]:
    upstreams = {service: [f"http://127.0.0.1:{ports[target][1]}"] for service, target in API_OF_SERVICE.items()}
    gateway = {"FORETIDE_GATEWAY_UPSTREAMS": json.dumps(upstreams)}
    notifier = {"FORETIDE_TRAINER_URL": upstreams["trainer"][0]}
    return [
        Part(
            name,
            [sys.executable, "-m", "foretide", "serve", target, "--port", str(port)],
            {**environment, **{GATEWAY: gateway, "notifier": notifier}.get(target, {})},
        )
        for name, (target, port) in ports.items()
    ]


async def _until_ready(ports: Mapping[str, tuple[str, int]], deaths: Mapping[str, int], log_directory: Path) -> None:
    """Every part, the workers too, says that it is ready. Raises a problem when one cannot be."""
    waiting = {name: f"http://127.0.0.1:{port}/readyz" for name, (_, port) in ports.items()}
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while waiting:
            for name, address in list(waiting.items()):
                if deaths.get(name, 0) >= _DEATHS_AT_START:
                    raise _not_up(f"{name} ended {deaths[name]} times while it started.", log_directory / f"{name}.log")
                with suppress(httpx.HTTPError):
                    if (await client.get(address)).status_code == 200:
                        del waiting[name]
            if waiting and asyncio.get_running_loop().time() > deadline:
                late = ", ".join(sorted(waiting))
                raise _not_up(f"After {_READY_SECONDS:.0f} s these are not ready: {late}.", log_directory)
            await asyncio.sleep(0.1)


def _not_up(detail: str, logs: Path) -> ProblemError:
    return ProblemError(
        Category.INTERNAL,
        title="Foretide did not come up",
        detail=detail,
        recovery=[f"Read {logs}.", "Run `foretide doctor`."],
    )


def _require_free(port: int) -> None:
    if not is_free(port):
        raise ProblemError(
            Category.CONFLICT,
            title=f"Port {port} is in use",
            detail=f"Another program listens on port {port} of 127.0.0.1.",
            recovery=["Is Foretide running already? `foretide status` asks it.", "Or choose another: --port 8081."],
        )


async def _restart_dead_servers(servers: LocalServers) -> None:
    while True:
        await asyncio.sleep(_SERVER_CHECK_SECONDS)
        try:
            await servers.restart_dead()
        except ProblemError as error:
            log.error("server does not come up", problem=error.problem.detail)
