"""Two upload replicas behind a gateway that takes them in turn: one request, one replica, the next another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from tests.integration.apps import settings_for, token_of
from tests.integration.gateway.servers import gateway, serving
from tests.integration.tus.exchange import MEBIBYTE
from tests.integration.tus.tus_js import DATA
from tests.ports import free_port

LARGEST = 24 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Behind:
    """The gateway, as its callers see it."""

    url: str
    servers: LocalServers

    @property
    def endpoint(self) -> str:
        return f"{self.url}/api/training/tus/"

    def client(self, user_id: UUID | None = None) -> httpx.AsyncClient:
        """Speaks tus with a user's token, a new user's unless given."""
        headers = {
            "Authorization": f"Bearer {token_of(self.servers, user_id or uuid4())}",
            "Tus-Resumable": "1.0.0",
        }
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
async def behind(servers: LocalServers) -> AsyncIterator[Behind]:
    """The sweeps wait for the tests that want one: ``FORETIDE_SWEEP_SECONDS`` is an hour."""
    settings = settings_for(servers, max_file_bytes=LARGEST, sweep_seconds=3600)
    one, other = free_port(), free_port()
    upstreams = {"upload": [f"http://127.0.0.1:{one}", f"http://127.0.0.1:{other}"]}
    async with (
        serving(create_app(settings), one),
        serving(create_app(settings), other),
        gateway(upstreams=upstreams) as url,
    ):
        yield Behind(url, servers)


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[httpx.AsyncClient]:
    """A new user."""
    async with behind.client() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "load.csv"
    path.write_bytes(DATA)
    return path
