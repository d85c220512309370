"""A search in the database: its trials are queued, and the last of them to end ends it, once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.closing import close_forgotten, close_if_ended
from services.trainer.runs import fail_job
from services.trainer.search.beginning import MAX_TRIALS_OF_A_RUN
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.starting import begin_trial
from shared.database.pool import Database, Record
from shared.events.payloads import MODEL_TRAINED_PERCENT
from shared.jobs import lease
from shared.jobs.worker import ClaimLost, Job
from shared.problems import Problem
from tests.integration.apps import caller
from tests.integration.conftest import Owned
from tests.integration.jobs import event_names, with_dataset
from tests.integration.training import only_job, trials_of

pytestmark = pytest.mark.integration

SEARCHED = {"kind": "Linear", "ridge": 0.5, "search": {"trials": 4, "space": {"ridge": {"low": 1, "high": 9}}}}
PROBLEM = Problem.model_validate(
    {
        "type": "t",
        "title": "t",
        "status": 422,
        "detail": "no luck",
        "category": "MODEL_CONVERGENCE",
        "severity": "high",
        "user_message": "u",
    }
)


async def ask(trainer: FastAPI, servers: LocalServers, owned: Owned, *models: dict[str, Any]) -> httpx.Response:
    async with caller(trainer, servers, owned.user_id) as client:
        return await client.post(f"/api/training/train-models/{owned.session_id}", json={"models": list(models)})


async def search_of(
    trainer: FastAPI, servers: LocalServers, database: Database, model: dict[str, Any] = SEARCHED
) -> Owned:
    owned = await with_dataset(database)
    assert (await ask(trainer, servers, owned, model)).status_code == 202
    return owned


async def claimed(database: Database, trial: Record) -> Job:
    async with database.transaction() as transaction:
        held = await lease.claim(transaction, "training_jobs", trial["id"], worker="w", lease_seconds=60)
        row = await transaction.fetch_row("select * from training_jobs where id = $1", trial["id"])
    assert held is not None
    assert row is not None
    return Job(held, row)


async def end(database: Database, job: Job, ended: Ended) -> bool:
    async with database.transaction() as transaction:
        return await end_trial(transaction, job.claim, job.row, ended)


async def commands_for(database: Database, job_id: UUID) -> int:
    async with database.transaction() as transaction:
        count: int = await transaction.fetch_value(
            "select count(*) from outbox where routing_key = 'model.train' and envelope -> 'data' ->> 'job_id' = $1",
            str(job_id),
        )
    return count


async def test_a_search_queues_its_trials_and_its_job_waits_for_them(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)

    job, trials = await only_job(database, owned), await trials_of(database, owned)

    assert [(trial["trial"], trial["status"]) for trial in trials] == [(n, "queued") for n in range(4)]
    assert [await commands_for(database, trial["id"]) for trial in trials] == [1, 1, 1, 1]
    assert (job["status"], job["lease_until"], await commands_for(database, job["id"])) == ("running", None, 0)
    async with caller(trainer, servers, owned.user_id) as client:
        status = (await client.get(f"/api/training/status/{owned.session_id}")).json()
    assert [(one["jobId"], one["detail"]["trials"]) for one in status["jobs"]] == [(str(job["id"]), 4)]


async def test_the_first_trial_is_of_the_given_parameters_and_a_trial_done_again_tries_the_same(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)
    first, second, *_ = await trials_of(database, owned)

    begun = await begin_trial(database, await claimed(database, first))
    job = await claimed(database, second)
    once = await begin_trial(database, job)
    async with database.transaction() as transaction:
        assert await lease.hand_back(transaction, job.claim)
    again = await begin_trial(database, await claimed(database, second))

    assert begun is not None
    assert begun.model == {"kind": "Linear", "seed": 0, "time_limit_seconds": None, "ridge": 0.5}
    assert once is not None
    assert again is not None
    assert once.model == again.model
    assert 1 <= once.model["ridge"] <= 9


async def test_f26_a_worker_that_lost_its_trial_neither_begins_nor_ends_it(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)
    [trial, *_] = await trials_of(database, owned)
    late = await claimed(database, trial)
    async with database.transaction() as transaction:
        assert await lease.hand_back(transaction, late.claim)
    await claimed(database, trial)

    with pytest.raises(ClaimLost):
        await begin_trial(database, late)

    assert not await end(database, late, Ended("trained", 1.0))
    assert (await trials_of(database, owned))[0]["metrics"] is None


async def test_of_trials_that_end_at_once_the_last_one_queues_the_best_parameters_once(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)
    jobs = [await claimed(database, trial) for trial in await trials_of(database, owned)]
    begun = [await begin_trial(database, job) for job in jobs]

    done = await asyncio.gather(
        *(end(database, job, Ended("trained", loss)) for job, loss in zip(jobs, (4.0, 3.0, 1.0, 2.0), strict=True))
    )

    job = await only_job(database, owned)
    assert done == [True] * 4
    assert await commands_for(database, job["id"]) == 1
    assert job["status"] == "queued"
    assert begun[2] is not None
    assert job["parameters"] == begun[2].model
    found = job["search"]["found"]
    assert (found["trial"], found["val_loss"], found["val_loss_as_given"], found["trained"]) == (2, 1.0, 4.0, 4)
    assert job["progress"] == pytest.approx(0.8 * MODEL_TRAINED_PERCENT), "training it is one of five parts of the work"


async def test_a_search_all_of_whose_trials_fail_is_a_job_that_failed_and_the_run_is_closed(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)

    for trial in await trials_of(database, owned):
        job = await claimed(database, trial)
        async with database.transaction() as transaction:
            await fail_job(transaction, job.claim, job.row, PROBLEM)

    ended = await only_job(database, owned)
    assert ended["status"] == "failed"
    assert "All 4 trials failed" in ended["error"]["detail"]
    assert "no luck" in ended["error"]["detail"]
    async with database.transaction() as transaction:
        await close_if_ended(transaction, ended["run_id"])
    names = await event_names(database, owned)
    assert names.count("model.failed") == 1
    assert names[-1] == "training.failed"


async def test_a_run_is_not_closed_while_one_of_its_searches_goes_on(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)
    first = await claimed(database, (await trials_of(database, owned))[0])
    await end(database, first, Ended("failed", problem=PROBLEM))

    await close_forgotten(database)

    assert "training.failed" not in await event_names(database, owned)


async def test_when_the_searchs_time_is_over_what_was_not_begun_is_left_out(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    model = {**SEARCHED, "search": {**SEARCHED["search"], "time_limit_seconds": 60}}  # type: ignore[dict-item]
    owned = await search_of(trainer, servers, database, model)
    first, second, third, _ = await trials_of(database, owned)
    jobs = [await claimed(database, trial) for trial in (first, second)]
    for job in jobs:
        assert await begin_trial(database, job) is not None
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_jobs set started_at = now() - interval '61 seconds' where id = $1", first["search_of"]
        )

    late = await claimed(database, third)
    assert await begin_trial(database, late) is None
    await end(database, late, Ended("cancelled"))
    await end(database, jobs[0], Ended("trained", 2.0))
    assert (await only_job(database, owned))["status"] == "running", "one trial is still at work"
    await end(database, jobs[1], Ended("pruned", curve=[1.0]))

    job = await only_job(database, owned)
    assert job["status"] == "queued"
    found = job["search"]["found"]
    assert (found["trial"], found["trained"], found["pruned"], found["not_begun"]) == (0, 1, 1, 2)


async def test_f29_cancelling_ends_the_trials_with_their_job(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await search_of(trainer, servers, database)
    held = await claimed(database, (await trials_of(database, owned))[0])

    async with caller(trainer, servers, owned.user_id) as client:
        assert (await client.post(f"/api/training/cancel/{owned.session_id}")).status_code == 202

    rows = [await only_job(database, owned), *await trials_of(database, owned)]
    assert {row["status"] for row in rows} == {"cancelled"}
    assert not await end(database, held, Ended("trained", 1.0))


@pytest.mark.parametrize(
    "search, said",
    [
        ({"space": {"untis": {"low": 1, "high": 2}}}, "Dense.search.space.untis"),
        ({"space": {"layers": {"low": 1, "high": 16}, "units": {"low": 1, "high": 4096}}}, "Dense.search.space: its"),
    ],
)
async def test_f22_a_space_that_cannot_be_searched_is_refused_before_any_work(
    trainer: FastAPI, servers: LocalServers, database: Database, search: dict[str, Any], said: str
) -> None:
    owned = await with_dataset(database)

    answer = await ask(trainer, servers, owned, {"kind": "Dense", "search": search})

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert await trials_of(database, owned) == []


async def test_f22_the_trials_of_all_models_and_targets_together_have_a_limit(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database, targets=2)
    models = [{"kind": "Linear", "search": {"trials": MAX_TRIALS_OF_A_RUN // 5}} for _ in range(3)]

    answer = await ask(trainer, servers, owned, *models)

    assert answer.status_code == 422
    assert "1200 trials" in answer.json()["detail"]
