"""The object stores that must pass one and the same suite."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from foretide.stack.ports import Ports
from foretide.stack.seaweedfs import SeaweedServer
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from tests.contract.asgi_server import free_socket, url_of

SIGNING_SECRET = "a secret of these tests, long enough to sign with"


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server; not for longer than a module, since it computes even when nobody asks it for anything."""
    directory = tmp_path_factory.mktemp("seaweedfs")
    (directory / "logs").mkdir()
    server = SeaweedServer(directory, Ports(directory / "ports.json"))
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.integration)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store, or one shared by all tests, is."""
    url: str = request.getfixturevalue("s3_url") if request.param == "s3" else f"file://{tmp_path}/objects"
    return url


@pytest.fixture
def public_socket() -> Iterator[socket.socket]:
    """Where the folder store's download links lead."""
    with free_socket() as bound:
        yield bound


@pytest.fixture
async def store(store_url: str, public_socket: socket.socket) -> AsyncIterator[ObjectStore]:
    async with open_store(store_url, public_url=url_of(public_socket), signing_secret=SIGNING_SECRET) as opened:
        yield opened


@pytest.fixture
def folder() -> str:
    """A folder that no other test has used."""
    return uuid4().hex
