"""A trainer on real servers, and what its workers are started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from shared.storage.port import ObjectStore
from tests.integration.apps import caller
from tests.integration.conftest import Owned
from tests.integration.replicas import Replica
from tests.integration.training import with_stored_dataset

WORKER = {
    "FORETIDE_LEASE_SECONDS": "10",  # a loaded machine must not look like a lost worker
    "FORETIDE_RETRY_DELAYS_SECONDS": "1,2",
    "FORETIDE_PRELOAD_MODELS": "false",
    "FORETIDE_THREADS_PER_JOB": "1",
}


def job_processes(worker: Replica) -> list[psutil.Process]:
    """Of the jobs that a worker is at: copies, and so children, of its child that has imported everything."""
    return [job for nursery in psutil.Process(worker.process_id).children() for job in nursery.children()]


@dataclass(frozen=True, slots=True)
class Trainer:
    """What the tests start jobs with, and look at them with."""

    api: FastAPI
    servers: LocalServers
    database: Database
    store: ObjectStore
    folder: Path

    async def start(self, model: dict[str, Any], **asked: Any) -> Owned:
        """A job of its own session, on the same dataset as all others; ``asked`` of the run besides."""
        owned = await with_stored_dataset(self.database, self.store, self.folder)
        async with caller(self.api, self.servers, owned.user_id) as client:
            body = {"models": [model], **asked}
            answer = await client.post(f"/api/training/train-models/{owned.session_id}", json=body)
        assert answer.status_code == 202, answer.text
        return owned
