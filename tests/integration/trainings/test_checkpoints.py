"""Training on real servers that is interrupted and goes on: kill -9 of worker and child, a stop, a lost claim."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from services.trainer.checkpoints import CheckpointUploads, fetch_checkpoint
from shared.database.pool import Record
from shared.jobs import lease
from shared.jobs.worker import Job
from shared.storage.keys import ML_ARTIFACTS
from tests.integration.apps import caller
from tests.integration.conftest import Owned
from tests.integration.replicas import Replica
from tests.integration.training import (
    artifact,
    checkpoint_epoch,
    ended,
    objects_of,
    only_job,
    progress_of,
    reached,
)
from tests.integration.trainings.trainer import Trainer, job_processes
from tests.processes import living
from tests.waiting import until

pytestmark = pytest.mark.integration

EPOCHS = 60
LONG = {"kind": "Dense", "layers": 2, "units": 32, "epochs": EPOCHS, "patience": 1000, "batch_size": 8, "seed": 3}


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, Any]:
    """What the job ends with where nothing happens to it; written by the first test."""
    return {}


async def outcome_of(trainer: Trainer, job: Record) -> dict[str, Any]:
    """All that must not depend on who trained it, and that nothing else of it is in the store."""
    named = {reference["key"] for reference in job["artifacts"].values()}
    session = Owned(job["session_id"], job["user_id"])

    async def only_named() -> bool:
        if (await only_job(trainer.database, session))["checkpoint"] is not None:
            return False
        return await objects_of(trainer.store, session) == named

    await until(only_named, what="no checkpoint left in the store")
    forecasts = job["artifacts"]["forecasts"]["sha256"]
    return {"metrics": job["metrics"], "history": await artifact(trainer.store, job, "history"), "forecasts": forecasts}


async def expected(trainer: Trainer, workers: Callable[[str], Replica], known: dict[str, Any]) -> dict[str, Any]:
    """Of a job that nothing happens to; trained once for all tests."""
    if not known:
        owned = await trainer.start(LONG)
        worker = workers("uninterrupted")
        job = await ended(trainer.database, owned)
        assert (job["attempt"], job["detail"]["continued_from_epoch"]) == (1, None)
        known.update(await outcome_of(trainer, job))
        await worker.stop()
    return known


async def stopped_on_the_way(trainer: Trainer, workers: Callable[[str], Replica], owned: Owned) -> Record:
    """The job as a worker leaves it that is stopped after five epochs."""
    first = workers("first")
    await reached(trainer.database, owned, 5)
    await first.stop()
    return await only_job(trainer.database, owned)


async def test_f27_a_job_whose_worker_was_killed_goes_on_elsewhere_and_ends_as_if_nothing_had_happened(
    trainer: Trainer, workers: Callable[[str], Replica], uninterrupted: dict[str, Any]
) -> None:
    whole = await expected(trainer, workers, uninterrupted)
    owned = await trainer.start(LONG)
    first = workers("first")
    before = await reached(trainer.database, owned, 5)
    children = [child.pid for child in psutil.Process(first.process_id).children(recursive=True)]
    await first.kill()
    await until(lambda: not living(children), what="its children ended")
    told = await progress_of(trainer.database, before["id"])

    second = workers("second")
    lowest = told

    async def trained() -> bool:
        nonlocal lowest
        lowest = min(lowest, await progress_of(trainer.database, before["id"]))
        return (await only_job(trainer.database, owned))["status"] == "trained"

    await until(trained, seconds=120, what="the other worker has trained it")

    job = await ended(trainer.database, owned)
    assert job["attempt"] > 1
    assert checkpoint_epoch(before) <= job["detail"]["continued_from_epoch"] < EPOCHS
    assert lowest >= told, "progress never goes backwards"
    assert await outcome_of(trainer, job) == whole
    assert not second.said("checkpoint not used")


async def test_a_job_whose_child_was_killed_goes_on_in_another_child_of_the_same_worker(
    trainer: Trainer, workers: Callable[[str], Replica], uninterrupted: dict[str, Any]
) -> None:
    whole = await expected(trainer, workers, uninterrupted)
    owned = await trainer.start(LONG)
    worker = workers("worker")
    before = await reached(trainer.database, owned, 5)
    for process in job_processes(worker):
        process.kill()

    job = await ended(trainer.database, owned)

    assert job["attempt"] == 1
    assert checkpoint_epoch(before) <= job["detail"]["continued_from_epoch"] < EPOCHS
    assert len(worker.said("training child killed, another goes on")) == 1
    assert await outcome_of(trainer, job) == whole


async def test_a_stopped_worker_hands_its_job_back_with_its_last_checkpoint(
    trainer: Trainer, workers: Callable[[str], Replica], uninterrupted: dict[str, Any]
) -> None:
    whole = await expected(trainer, workers, uninterrupted)
    owned = await trainer.start(LONG)
    handed_back = await stopped_on_the_way(trainer, workers, owned)
    assert (handed_back["status"], handed_back["attempt"]) == ("queued", 1)

    workers("second")
    job = await ended(trainer.database, owned)

    assert job["attempt"] == 2
    assert job["detail"]["continued_from_epoch"] == checkpoint_epoch(handed_back)
    assert await outcome_of(trainer, job) == whole


async def test_a_damaged_checkpoint_is_not_used_and_the_job_ends_the_same(
    trainer: Trainer, workers: Callable[[str], Replica], uninterrupted: dict[str, Any]
) -> None:
    whole = await expected(trainer, workers, uninterrupted)
    owned = await trainer.start(LONG)
    handed_back = await stopped_on_the_way(trainer, workers, owned)
    await trainer.store.put(ML_ARTIFACTS, handed_back["checkpoint"]["key"], b"something else")

    second = workers("second")
    job = await ended(trainer.database, owned)

    assert job["detail"]["continued_from_epoch"] is None
    assert len(second.said("checkpoint not used")) == 1
    assert await outcome_of(trainer, job) == whole


async def test_f29_f37_a_cancelled_job_leaves_no_checkpoint(
    trainer: Trainer, workers: Callable[[str], Replica]
) -> None:
    owned = await trainer.start({**LONG, "epochs": 2000})
    workers("worker")
    await reached(trainer.database, owned, 2)
    async with caller(trainer.api, trainer.servers, owned.user_id) as client:
        assert (await client.post(f"/api/training/cancel/{owned.session_id}")).status_code == 202

    async def removed() -> bool:
        job = await only_job(trainer.database, owned)
        return job["checkpoint"] is None and not await objects_of(trainer.store, owned)

    await until(removed, what="everything removed")


async def _claimed(trainer: Trainer, owned: Owned) -> Job:
    row = await only_job(trainer.database, owned)
    async with trainer.database.transaction() as transaction:
        held = await lease.claim(transaction, "training_jobs", row["id"], worker="w", lease_seconds=60)
    assert held is not None
    return Job(held, await only_job(trainer.database, owned))


class Storing:
    """Stands for a worker's child: writes checkpoints, which the worker stores."""

    def __init__(self, trainer: Trainer, job: Job) -> None:
        self._path = trainer.folder / f"{job.claim.attempt}.npz"
        self._uploads = CheckpointUploads(trainer.database, trainer.store, job, self._path)

    async def store(self, content: bytes, epoch: int) -> None:
        """Returns when it is stored, or given up."""
        task = asyncio.create_task(self._uploads.run())
        self._path.write_bytes(content)
        self._uploads.note(epoch)
        await self._uploads.catch_up()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_f26_a_worker_that_lost_its_job_replaces_nothing_of_its_successors(trainer: Trainer) -> None:
    owned = await trainer.start(LONG)
    first = await _claimed(trainer, owned)
    first_stores = Storing(trainer, first)
    await first_stores.store(b"one", 1)
    await first_stores.store(b"two", 2)
    async with trainer.database.transaction() as transaction:
        assert await lease.hand_back(transaction, first.claim)
    second = await _claimed(trainer, owned)

    async def fetched() -> bytes:
        path = trainer.folder / "fetched.npz"
        await fetch_checkpoint(trainer.store, Job(second.claim, await only_job(trainer.database, owned)), path)
        return path.read_bytes()

    assert await fetched() == b"two"
    await first_stores.store(b"late", 9)
    assert await fetched() == b"two"
    await Storing(trainer, second).store(b"three", 3)
    assert await fetched() == b"three"
    job = await only_job(trainer.database, owned)
    assert await objects_of(trainer.store, owned) == {job["checkpoint"]["key"]}, "only the newest one is kept"


async def test_a_job_that_gets_further_does_not_count_its_lost_workers(trainer: Trainer) -> None:
    owned = await trainer.start(LONG)
    job = await _claimed(trainer, owned)
    async with trainer.database.transaction() as transaction:
        await transaction.execute("update training_jobs set lost = 4 where id = $1", job.claim.job_id)

    await Storing(trainer, job).store(b"further", 1)

    assert (await only_job(trainer.database, owned))["lost"] == 0
