"""What tests of trainings on real workers start with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api
from shared.database.pool import Database
from shared.storage.open import open_store
from tests.integration.apps import running, settings_for
from tests.integration.outboxes import forget_earlier_work
from tests.integration.replicas import Replica
from tests.integration.trainings.stored import Stored, stored_runs
from tests.integration.trainings.trainer import WORKER, Trainer


@pytest.fixture
async def trainer(servers: LocalServers, database: Database, tmp_path: Path) -> AsyncIterator[Trainer]:
    settings = settings_for(servers)
    await forget_earlier_work(servers)
    async with (
        open_store(settings.store_url, public_url="http://test", signing_secret=servers.signing_secret) as store,
        running(create_api(settings)) as api,
    ):
        yield Trainer(api, servers, database, store, tmp_path)


@pytest.fixture
async def workers(servers: LocalServers, tmp_path: Path) -> AsyncIterator[Callable[..., Replica]]:
    """Makes trainer workers by name; all are ended afterwards."""
    made: list[Replica] = []

    def make(name: str, **settings: str) -> Replica:
        made.append(Replica("trainer-worker", servers, tmp_path / f"{name}.log", {**WORKER, **settings}))
        made[-1].start()
        return made[-1]

    yield make
    for worker in made:
        await worker.stop()


@pytest.fixture(scope="module")
async def stored(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stored]:
    async with stored_runs(servers, tmp_path_factory.mktemp("stored")) as runs:
        yield runs
