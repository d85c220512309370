"""Limits of time in the database: when a run is over, how long a job has left, and who ends what waits in vain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.closing import close_if_ended
from services.trainer.limits import run_is_over, seconds_left
from services.trainer.overdue import end_overdue
from services.trainer.runs import fail_job
from shared.database.pool import Database
from shared.jobs import lease
from shared.jobs.worker import ClaimLost
from shared.problems import Category, ProblemError
from tests.integration.apps import caller
from tests.integration.jobs import event_names, jobs_of, with_dataset
from tests.integration.timed_runs import Runs
from tests.integration.training import only_job

pytestmark = pytest.mark.integration

LINEAR = {"kind": "Linear"}
LIMITED = {"kind": "Linear", "time_limit_seconds": 600}


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


@pytest.mark.parametrize("wrong", [0.5, -1, 8 * 86400, "soon", True])
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
