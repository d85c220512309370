"""Limits of time in the database: when a run is over, how long a job has left, and who ends what waits in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.closing import close_if_ended
from services.trainer.app import create_api
from services.trainer.limits import run_is_over, seconds_left
from services.trainer.overdue import end_overdue
from services.trainer.runs import fail_job
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.observation import Observation
from services.trainer.search.rows import SearchState
from services.trainer.search.starting import begin_trial
from shared.database.pool import Database, Record
from shared.events.payloads import Progress
from shared.jobs import lease
from shared.jobs.lease import Claim
from shared.jobs.worker import ClaimLost, Job
from shared.problems import Category, ProblemError
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned
from tests.integration.jobs import event_names, jobs_of, with_dataset
from tests.integration.training import only_job, trials_of
from tests.waiting import until

pytestmark = pytest.mark.integration

LINEAR = {"kind": "Linear"}
LIMITED = {"kind": "Linear", "time_limit_seconds": 600}
SEARCHED = {**LINEAR, "search": {"trials": 3, "space": {"ridge": {"low": 1, "high": 9}}}}


@pytest.fixture(scope="module")
async def trainer(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(create_api(settings_for(servers, sweep_seconds=3600))) as application:
        yield application


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


@pytest.fixture
def runs(trainer: FastAPI, servers: LocalServers, database: Database) -> Runs:
    return Runs(trainer, servers, database)


@pytest.mark.parametrize(
    "configured, asked, expected",
    [(None, None, None), (7200.0, None, 7200.0), (None, 600.0, 600.0), (7200.0, 600.0, 600.0)],
)
async def test_a_run_ends_as_the_request_says_or_else_the_configuration(
    configured: float | None, asked: float | None, expected: float | None, runs: Runs
) -> None:
    before = datetime.now(UTC)
    owned = await runs.start(LINEAR, configuration={"time_limit_seconds": configured}, timeLimitSeconds=asked)

    told = (await runs.status(owned))["deadline"]

    if expected is None:
        assert told is None
    else:
        assert (datetime.fromisoformat(told) - before).total_seconds() == pytest.approx(expected, abs=60)


@pytest.mark.parametrize("wrong", [0, -1, 8 * 86400, "soon", True])
async def test_f22_a_runs_limit_has_bounds(
    wrong: Any, trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)

    async with caller(trainer, servers, owned.user_id) as client:
        answer = await client.post(
            f"/api/training/train-models/{owned.session_id}", json={"models": [LINEAR], "timeLimitSeconds": wrong}
        )

    assert answer.status_code == 422
    assert await jobs_of(database, owned) == []


@pytest.mark.parametrize(
    "model, run, expected",
    [(LINEAR, None, None), (LIMITED, None, 600), (LINEAR, 3600, 3600), (LIMITED, 3600, 600), (LIMITED, 300, 300)],
)
async def test_a_job_has_what_is_left_of_the_earlier_of_its_limit_and_its_runs(
    model: dict[str, Any], run: float | None, expected: float | None, runs: Runs, database: Database
) -> None:
    owned = await runs.start(model)
    if run is not None:
        await runs.ends(owned, seconds=run)
    job = await runs.claimed(await only_job(database, owned))

    left = await seconds_left(database, job.claim)

    assert left == (None if expected is None else pytest.approx(expected, abs=60))
    assert (await only_job(database, owned))["started_at"] is not None


@pytest.mark.parametrize("continues, expected", [(True, 200), (False, 600)])
async def test_the_time_of_attempts_before_counts_where_they_are_continued(
    continues: bool, expected: float, runs: Runs, database: Database
) -> None:
    owned = await runs.start(LIMITED)
    first = await runs.claimed(await only_job(database, owned))
    await seconds_left(database, first.claim)
    await runs.began(first.claim.job_id, seconds=400)
    if continues:
        await runs.has_checkpoint(first.claim.job_id)
    async with database.transaction() as transaction:
        assert await lease.hand_back(transaction, first.claim)

    second = await runs.claimed(await only_job(database, owned))

    assert await seconds_left(database, second.claim) == pytest.approx(expected, abs=60)
    with pytest.raises(ClaimLost):
        await seconds_left(database, first.claim)


@pytest.mark.parametrize("of_run", [True, False])
async def test_a_job_with_a_checkpoint_has_a_model_and_ends_with_it_when_no_time_is_left(
    of_run: bool, runs: Runs, database: Database
) -> None:
    owned = await runs.start(LIMITED)
    row = await only_job(database, owned)
    await runs.has_checkpoint(row["id"])
    if of_run:
        await runs.ends(owned, seconds=-1)
    else:
        await runs.began(row["id"], seconds=601)

    await end_overdue(database)

    assert (await only_job(database, owned))["status"] == "queued", "a worker takes it"
    assert await seconds_left(database, (await runs.claimed(row)).claim) == 0.0


async def test_a_job_that_has_no_time_left_is_a_problem_that_says_what_helps(runs: Runs, database: Database) -> None:
    owned = await runs.start(LIMITED)
    job = await runs.claimed(await only_job(database, owned))
    await runs.ends(owned, seconds=-1)

    with pytest.raises(ProblemError) as raised:
        await seconds_left(database, job.claim)

    problem = raised.value.problem
    assert (problem.category, problem.title) == (Category.RESOURCE_EXHAUSTION, "The time limit is over")
    assert "the time limit of its run" in problem.detail
    assert "time_limit_seconds" in problem.recovery[0]


async def test_what_waits_of_a_run_whose_time_is_over_is_ended_and_the_run_is_closed(
    runs: Runs, database: Database
) -> None:
    over = await runs.start(LINEAR, {"kind": "NLinear"}, {"kind": "DLinear"})
    others = [await runs.start(LINEAR), await runs.start(LINEAR, timeLimitSeconds=600)]
    [first, *_] = await jobs_of(database, over)
    at_work = await runs.claimed(first)
    await runs.ends(over, seconds=-1)

    await end_overdue(database)

    rows = await jobs_of(database, over)
    assert [row["status"] for row in rows] == ["running", "failed", "failed"]
    assert {row["error"]["title"] for row in rows[1:]} == {"The time limit is over"}
    assert (await event_names(database, over)).count("model.failed") == 2
    assert [(await only_job(database, other))["status"] for other in others] == ["queued", "queued"]
    async with database.transaction() as transaction:
        await fail_job(transaction, at_work.claim, first, run_is_over("Linear").problem)
        await close_if_ended(transaction, first["run_id"])
    assert (await event_names(database, over))[-2:] == ["model.failed", "training.failed"]


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


async def test_a_search_keeps_time_of_its_run_to_train_what_it_finds(runs: Runs, database: Database) -> None:
    owned = await runs.start(SEARCHED)
    jobs = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    await runs.ends(owned, seconds=1000)

    async def left() -> float | None:
        async with database.transaction() as transaction:
            state = await SearchState.read(transaction, jobs[0].row["search_of"])
        assert state is not None
        return state.seconds_left

    begun = await begin_trial(database, jobs[0])
    assert begun is not None
    assert begun.seconds_left == pytest.approx(1000, abs=60)
    async with database.transaction() as transaction:
        await end_trial(transaction, jobs[0].claim, jobs[0].row, Ended("trained", 1.0, seconds=400.0))
    assert await left() == pytest.approx(400, abs=60)
    await runs.ends(owned, seconds=590)
    assert await begin_trial(database, jobs[1]) is None


async def test_a_trial_under_way_is_stopped_once_a_longer_one_has_shown_that_the_rest_is_needed_for_training(
    runs: Runs, database: Database
) -> None:
    owned = await runs.start(SEARCHED)
    first, second, _ = [await runs.claimed(trial) for trial in await trials_of(database, owned)]
    await runs.ends(owned, seconds=1000)
    begun = await begin_trial(database, first)
    assert begun is not None
    told: list[Progress] = []
    sender: Any = SimpleNamespace(send=lambda session_id, user_id, progress: told.append(progress))
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
