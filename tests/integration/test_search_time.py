"""Searches and the time of their run: what is kept for training, and which trials it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.trainer.limits import seconds_left
from services.trainer.overdue import end_overdue
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.observation import Observation
from services.trainer.search.rows import SearchState
from services.trainer.search.starting import begin_trial
from shared.database.pool import Database
from shared.events.payloads import Progress
from shared.jobs import lease
from shared.jobs.lease import Claim
from shared.jobs.worker import Job
from tests.integration.jobs import event_names, jobs_of
from tests.integration.timed_runs import Runs
from tests.integration.training import only_job, trials_of
from tests.waiting import until

pytestmark = pytest.mark.integration

LINEAR = {"kind": "Linear"}
SEARCHED = {**LINEAR, "search": {"trials": 3, "space": {"ridge": {"low": 1, "high": 9}}}}


@pytest.fixture
def runs(trainer: FastAPI, servers: LocalServers, database: Database) -> Runs:
    return Runs(trainer, servers, database)


async def test_a_search_of_a_run_whose_time_is_over_ends_without_the_trials_that_wait(
    runs: Runs, database: Database
) -> None:
    owned = await runs.start(SEARCHED)
    first, *_ = await trials_of(database, owned)
    at_work = await runs.claimed(first)
    assert await begin_trial(database, at_work) is not None
    await runs.ends(owned, seconds=-1)

    await end_overdue(database)

    assert [trial["status"] for trial in await trials_of(database, owned)] == ["running", "cancelled", "cancelled"]
    assert (await only_job(database, owned))["status"] == "running", "one trial is still at work"
    async with database.transaction() as transaction:
        assert await end_trial(transaction, at_work.claim, first, Ended("cancelled"))
    assert (await only_job(database, owned))["status"] == "queued", "the best so far would be trained"
    await end_overdue(database)
    job = await only_job(database, owned)
    assert (job["status"], job["error"]["title"]) == ("failed", "The time limit is over")
    assert await event_names(database, owned) == ["training.started", "model.failed"]


async def _search_left(database: Database, trial: Job) -> float | None:
    async with database.transaction() as transaction:
        state = await SearchState.read(transaction, trial.row["search_of"])
    assert state is not None
    return state.seconds_left


async def test_a_search_keeps_time_of_its_run_to_train_what_it_finds(runs: Runs, database: Database) -> None:
    owned = await runs.start(SEARCHED)
    jobs = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    await runs.ends(owned, seconds=1000)

    begun = await begin_trial(database, jobs[0])
    assert begun is not None
    assert begun.seconds_left == pytest.approx(500, abs=60), "half of it, as nobody knows yet how long a fit takes"
    async with database.transaction() as transaction:
        await end_trial(transaction, jobs[0].claim, jobs[0].row, Ended("trained", 1.0, seconds=400.0))
    assert await _search_left(database, jobs[0]) == pytest.approx(400, abs=60)
    await runs.ends(owned, seconds=590)
    assert await begin_trial(database, jobs[1]) is None


async def test_a_search_keeps_time_for_the_folds_and_for_all_models_of_its_run(runs: Runs, database: Database) -> None:
    owned = await runs.start(SEARCHED, LINEAR)
    async with database.transaction() as transaction:
        await transaction.execute(
            """update training_datasets set metadata = jsonb_set(metadata, '{manifest,backtests}', '[{}]')
               where session_id = $1""",
            owned.session_id,
        )
    trial, *_ = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    [other] = [job for job in await jobs_of(database, owned) if not job["search"] and not job["search_of"]]
    await runs.ends(owned, seconds=1000)
    async with database.transaction() as transaction:
        await end_trial(transaction, trial.claim, trial.row, Ended("trained", 1.0, seconds=100.0))
    assert await _search_left(database, trial) == pytest.approx(1000 - 1.5 * 100 * 2 * 2, abs=60)

    held = await runs.claimed(other)
    async with database.transaction() as transaction:
        assert await lease.finish(transaction, held.claim, "trained")

    assert await _search_left(database, trial) == pytest.approx(1000 - 1.5 * 100 * 2, abs=60)


async def test_a_trial_under_way_is_stopped_once_a_longer_one_has_shown_that_the_rest_is_needed_for_training(
    runs: Runs, database: Database
) -> None:
    owned = await runs.start(SEARCHED)
    first, second, _ = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    await runs.ends(owned, seconds=1000)
    begun = await begin_trial(database, first)
    assert begun is not None
    told: list[Progress] = []
    sender: Any = SimpleNamespace(send=lambda user_id, progress: told.append(progress))
    observation = Observation(database, sender, first, begun)
    watch = asyncio.create_task(observation.watch())
    try:
        await until(lambda: bool(told), what="it has looked")
        assert not observation.verdict.done()

        async with database.transaction() as transaction:
            await end_trial(transaction, second.claim, second.row, Ended("trained", 1.0, seconds=900.0))

        await until(observation.verdict.done, what="it is stopped")
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def test_a_trial_under_way_goes_on_where_others_have_shown_that_less_is_needed_for_training(
    runs: Runs, database: Database
) -> None:
    owned = await runs.start(SEARCHED)
    first, *_ = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    await runs.ends(owned, seconds=1000)
    begun = await begin_trial(database, first)
    assert begun is not None
    sender: Any = SimpleNamespace(send=lambda session_id, user_id, progress: None)
    observation = Observation(database, sender, first, replace(begun, seconds_left=3.0))
    watch, loop = asyncio.create_task(observation.watch()), asyncio.get_running_loop()
    over = loop.time() + 4.0
    try:
        await until(lambda: loop.time() > over, what="the time that it was told first is over")

        assert not observation.verdict.done()
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def test_the_training_after_a_search_has_a_time_of_its_own(runs: Runs, database: Database) -> None:
    owned = await runs.start({**SEARCHED, "time_limit_seconds": 600})
    jobs = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    for job in jobs:
        await begin_trial(database, job)
        assert await seconds_left(database, job.claim) == pytest.approx(600, abs=60), "each trial has it, too"
    await runs.began(jobs[0].row["search_of"], seconds=700)
    async with database.transaction() as transaction:
        for job in jobs:
            await end_trial(transaction, job.claim, job.row, Ended("trained", 1.0))

    searched = await only_job(database, owned)
    held: Claim = (await runs.claimed(searched)).claim

    assert searched["search"]["found"]["seconds"] == pytest.approx(700, abs=60)
    assert await seconds_left(database, held) == pytest.approx(600, abs=60)
