"""Two runs that a real trainer has trained and the results service has filed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.app import create_app
from services.trainer.app import create_api
from shared.database.pool import Database
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned
from tests.integration.outboxes import forget_earlier_work
from tests.integration.replicas import Replica
from tests.integration.training import with_stored_dataset
from tests.integration.trainings.trainer import WORKER
from tests.waiting import until

RUNS = (
    [{"kind": "Linear"}, {"kind": "Dense", "layers": 1, "units": 8, "epochs": 2}],
    [{"kind": "DLinear"}],
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A session with two completed runs, and the results service that has filed them."""

    owned: Owned
    results: FastAPI
    servers: LocalServers
    store: ObjectStore

    def client(self) -> httpx.AsyncClient:
        return caller(self.results, self.servers, self.owned.user_id)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.get(path.replace("SESSION", self.owned.session_id), **options)

    async def job(self, model: str) -> str:
        """The id of the only job of that kind."""
        found = (await self.get("/api/training/results/SESSION")).json()["results"]
        [job_id] = [one["jobId"] for one in found if one["resultsMetadata"]["model_type"] == model]
        return job_id


@asynccontextmanager
async def stored_runs(servers: LocalServers, folder: Path) -> AsyncIterator[Stored]:
    """Trained and filed; the worker runs no longer than that."""
    settings = settings_for(servers)
    database = Database(servers.database_url, pool_size=2)
    await forget_earlier_work(servers)
    worker = Replica("trainer-worker", servers, folder / "worker.log", WORKER)
    worker.start()
    await database.open()
    try:
        async with (
            open_store(settings.store_url, public_url="http://test", signing_secret=servers.signing_secret) as store,
            running(create_api(settings)) as trainer,
            running(create_app(settings)) as results,
        ):
            owned = await with_stored_dataset(database, store, folder)
            async with caller(trainer, servers, owned.user_id) as client:
                for number, models in enumerate(RUNS, 1):
                    path = f"/api/training/train-models/{owned.session_id}"
                    answer = await client.post(path, json={"models": models})
                    assert answer.status_code == 202, answer.text
                    await until(_completed(database, owned, number), seconds=120, what=f"run {number} completed")
            yield Stored(owned, results, servers, store)
    finally:
        await database.close()
        await worker.stop()


def _completed(database: Database, owned: Owned, number: int) -> Callable[[], Awaitable[bool]]:
    async def completed() -> bool:
        async with database.transaction() as transaction:
            status = await transaction.fetch_value(
                "select status from training_runs where session_id = $1 and number = $2", owned.session_id, number
            )
        assert status in ("running", "completed"), status
        return status == "completed"

    return completed
