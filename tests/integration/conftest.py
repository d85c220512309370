"""Real servers for the integration tests: private, on free ports, gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers, delete_data
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.bus.rabbit import RabbitBus
from shared.database.migrate import migrate
from shared.database.pool import Database
from shared.delivery.relay import Relay
from tests.integration.apps import caller, running, settings_for
from tests.integration.outboxes import forget_earlier_work
from tests.waiting import until


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalServers]:
    """RabbitMQ, PostgreSQL (migrated) and a folder store."""
    folder = tmp_path_factory.mktemp("servers")
    async with LocalServers(folder) as running:
        await migrate(running.database_superuser_url, authenticator_password=running.authenticator_password)
        yield running
    await delete_data(folder)


@pytest.fixture
async def database(servers: LocalServers) -> AsyncIterator[Database]:
    """A pool of the services' login role."""
    pool = Database(servers.database_url, pool_size=8)
    await pool.open()
    yield pool
    await pool.close()


@dataclass(frozen=True, slots=True)
class Owned:
    """A session and its owner."""

    session_id: str
    user_id: UUID


async def make_session(database: Database, *, status: str = "uploaded", user_id: UUID | None = None) -> Owned:
    """A session row, as the upload service leaves it."""
    owned = Owned(str(uuid4()), user_id or uuid4())
    async with database.transaction() as transaction:
        await transaction.execute(
            "insert into public.training_sessions (session_id, user_id, name, status) values ($1, $2, 'test', $3)",
            owned.session_id,
            owned.user_id,
            status,
        )
    return owned


@pytest.fixture
async def session(database: Database) -> Owned:
    """A fresh session."""
    return await make_session(database)


@pytest.fixture
def user_id() -> UUID:
    """Somebody who has nothing yet."""
    return uuid4()


@pytest.fixture(scope="module")
async def application(servers: LocalServers) -> AsyncIterator[FastAPI]:
    """The upload service; a module that tests another one, or with other settings, has its own."""
    async with running(upload_app(settings_for(servers))) as made:
        yield made


@pytest.fixture(scope="module")
async def trainer(servers: LocalServers) -> AsyncIterator[FastAPI]:
    """The trainer without workers; its sweeps wait for the tests that want one."""
    async with running(trainer_api(settings_for(servers, sweep_seconds=3600))) as application:
        yield application


@pytest.fixture
async def client(application: FastAPI, servers: LocalServers, user_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """That user, at the application."""
    async with caller(application, servers, user_id) as made:
        yield made


@pytest.fixture
async def bus(servers: LocalServers) -> AsyncIterator[RabbitBus]:
    """A bus with short retries, not started: tests subscribe first."""
    made = RabbitBus(servers.bus_url, name="test", retry_delays=[1, 2])
    yield made
    await made.stop(grace_seconds=1)


@pytest.fixture
async def relay(database: Database, bus: RabbitBus) -> AsyncIterator[Relay]:
    """The outbox's relay over that bus, started by the test with ``start_all``."""
    made = Relay(database, bus)
    database.on_messages = made.wake
    yield made
    await made.stop()


async def started(bus: RabbitBus, relay: Relay | None = None) -> None:
    """Start both and wait until consumers are in place."""
    await bus.start()
    if relay is not None:
        await relay.start()
    await until(bus.ready, what="bus ready")


@pytest.fixture
def data_folder() -> Path:
    """The bundled data set."""
    return Path(__file__).parents[2] / "foretide" / "demo" / "data"


@pytest.fixture
async def nothing_waits(servers: LocalServers) -> None:
    """See :func:`forget_earlier_work`."""
    await forget_earlier_work(servers)
