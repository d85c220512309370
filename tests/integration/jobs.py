"""What the tests of runs and jobs share: a session whose dataset is ready, and its rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.trainer.outcomes import command_for
from shared.bus.topology import Subscription
from shared.database.pool import Database, Record
from shared.events.payloads import ModelTrain
from shared.jobs import lease
from shared.jobs.worker import Job, JobKind
from shared.problems import Problem
from tests.integration.apps import caller
from tests.integration.conftest import Owned, make_session


async def with_dataset(database: Database, *, targets: int = 1) -> Owned:
    """A session whose dataset is ready."""
    owned = await make_session(database, status="generated")
    described = {
        "target_features": [f"t{n}" for n in range(targets)],
        "shapes": {"inputs": [100, 24, 3], "targets": [100, 24, targets]},
        "split": {"train": 70, "validation": 15, "test": 15},
    }
    manifest = {"manifest": described, "references": {}}
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_datasets (session_id, user_id, name, storage_path, configuration, status, metadata)
               values ($1, $2, 'd', 'x.npz', '{}', 'ready', $3)""",
            owned.session_id,
            owned.user_id,
            manifest,
        )
    return owned


async def start(trainer: FastAPI, servers: LocalServers, owned: Owned, **headers: str) -> Any:
    models = {"models": [{"kind": "Linear"}, {"kind": "Dense", "layers": 1, "units": 4}]}
    async with caller(trainer, servers, owned.user_id) as client:
        return await client.post(f"/api/training/train-models/{owned.session_id}", json=models, headers=headers)


async def jobs_of(database: Database, owned: Owned) -> list[Record]:
    async with database.transaction() as transaction:
        return await transaction.fetch(
            "select * from training_jobs where session_id = $1 order by created_at, position", owned.session_id
        )


async def event_names(database: Database, owned: Owned) -> list[str]:
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "select name from session_events where session_id = $1 order by sequence", owned.session_id
        )
    return [row["name"] for row in rows]


async def claim_first(database: Database, owned: Owned, *, lease_seconds: float) -> lease.Claim:
    job = (await jobs_of(database, owned))[0]
    async with database.transaction() as transaction:
        held = await lease.claim(transaction, "training_jobs", job["id"], worker="w", lease_seconds=lease_seconds)
    assert held is not None
    return held


def kind_of(execute: Any, cleaned: list[UUID] | None = None) -> JobKind:
    """Training jobs that this runs; none may fail."""

    async def fail(job: Job, problem: Problem) -> None:
        raise AssertionError(problem)

    async def clean_up(job: Job) -> None:
        if cleaned is not None:
            cleaned.append(job.claim.job_id)

    return JobKind(
        table="training_jobs",
        subscription=Subscription("trainer", "model.train", "command"),
        payload=ModelTrain,
        job_id=lambda command: command.job_id,
        execute=execute,
        fail=fail,
        command=command_for,
        clean_up=clean_up,
    )
