"""What the tests of limits of time share: runs of a trainer, and what becomes of their rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.database.pool import Database, Record
from shared.jobs import lease
from shared.jobs.worker import Job
from tests.integration.apps import caller
from tests.integration.conftest import Owned
from tests.integration.jobs import with_dataset


class Runs:
    """Runs of sessions of their own, and what becomes of their rows."""

    def __init__(self, trainer: FastAPI, servers: LocalServers, database: Database) -> None:
        self._trainer, self._servers, self._database = trainer, servers, database

    async def start(self, *models: dict[str, Any], configuration: dict[str, Any] | None = None, **asked: Any) -> Owned:
        owned = await with_dataset(self._database)
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "update training_sessions set configuration = $2 where session_id = $1",
                owned.session_id,
                configuration or {},
            )
        body = {"models": list(models), **asked}
        async with caller(self._trainer, self._servers, owned.user_id) as client:
            answer = await client.post(f"/api/training/train-models/{owned.session_id}", json=body)
        assert answer.status_code == 202, answer.text
        return owned

    async def status(self, owned: Owned) -> dict[str, Any]:
        async with caller(self._trainer, self._servers, owned.user_id) as client:
            answer: dict[str, Any] = (await client.get(f"/api/training/status/{owned.session_id}")).json()
        return answer

    async def ends(self, owned: Owned, *, seconds: float) -> None:
        """The run's deadline is so many seconds from now, or was."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "update training_runs set deadline = now() + make_interval(secs => $2) where session_id = $1",
                owned.session_id,
                seconds,
            )

    async def began(self, job_id: UUID, *, seconds: float) -> None:
        """The job has been at work for so many seconds, whoever was at it."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "update training_jobs set started_at = now() - make_interval(secs => $2) where id = $1", job_id, seconds
            )

    async def has_checkpoint(self, job_id: UUID) -> None:
        """An attempt at the job has stored how far it got."""
        stored = {"bucket": "b", "key": "k", "sha256": "0" * 64, "size": 1}
        async with self._database.transaction() as transaction:
            await transaction.execute("update training_jobs set checkpoint = $2 where id = $1", job_id, stored)

    async def claimed(self, row: Record) -> Job:
        async with self._database.transaction() as transaction:
            held = await lease.claim(transaction, "training_jobs", row["id"], worker="w", lease_seconds=60)
        assert held is not None
        return Job(held, row)
