"""Runs on real servers: one at a time, and closed once."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.closing import close_if_ended
from services.trainer.handlers import on_datasets_generated
from services.trainer.runs import fail_job
from shared.database.pool import Database
from shared.events.envelope import Envelope
from shared.events.payloads import DatasetsGenerated
from shared.jobs import lease
from shared.problems import Problem
from tests.integration.apps import caller
from tests.integration.jobs import event_names, jobs_of, start, with_dataset

pytestmark = pytest.mark.integration


async def test_two_models_on_two_targets_are_four_jobs_and_as_many_commands(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database, targets=2)
    assert (await start(trainer, servers, owned)).status_code == 202
    jobs = await jobs_of(database, owned)
    assert [(job["model"], job["target"]) for job in jobs] == [
        ("Linear", "t0"),
        ("Linear", "t1"),
        ("Dense", "t0"),
        ("Dense", "t1"),
    ]
    async with database.transaction() as transaction:
        commands = await transaction.fetch_value(
            "select count(*) from outbox where routing_key = 'model.train' and envelope ->> 'subject' = $1",
            owned.session_id,
        )
    assert commands == 4


async def test_f24_of_parallel_starts_one_runs_and_a_repeated_key_gets_the_same_answer(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)
    answers = await asyncio.gather(*(start(trainer, servers, owned) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    again = await with_dataset(database)
    key = {"Idempotency-Key": uuid4().hex}
    same = await asyncio.gather(*(start(trainer, servers, again, **key) for _ in range(3)))
    # 409: the first one was still at work, and says when to ask again.
    assert {202} <= {answer.status_code for answer in same} <= {202, 409}
    same = [*(answer for answer in same if answer.status_code == 202), await start(trainer, servers, again, **key)]
    assert same[-1].status_code == 202
    assert len({answer.json()["runId"] for answer in same}) == 1
    assert len(await jobs_of(database, again)) == 2


async def test_the_last_job_closes_the_run_and_only_one_of_many_callers_does(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)
    run_id = UUID((await start(trainer, servers, owned)).json()["runId"])
    problem = {
        "type": "t",
        "title": "t",
        "status": 422,
        "detail": "d",
        "category": "MODEL_CONVERGENCE",
        "severity": "high",
        "user_message": "u",
    }
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_jobs set status = 'failed', error = $2 where run_id = $1", run_id, problem
        )

    async def close() -> None:
        async with database.transaction() as transaction:
            await close_if_ended(transaction, run_id)

    await asyncio.gather(*(close() for _ in range(6)))
    assert (await event_names(database, owned)).count("training.failed") == 1


async def test_f33_status_says_one_thing(trainer: FastAPI, servers: LocalServers, database: Database) -> None:
    owned = await with_dataset(database)
    run_id = UUID((await start(trainer, servers, owned)).json()["runId"])
    jobs = await jobs_of(database, owned)
    async with database.transaction() as transaction:
        for job in jobs:
            held = await lease.claim(transaction, "training_jobs", job["id"], worker="w", lease_seconds=60)
            assert held is not None
            problem = Problem.model_validate(
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
            await fail_job(transaction, held, job, problem)
        await close_if_ended(transaction, run_id)
    async with caller(trainer, servers, owned.user_id) as client:
        status = (await client.get(f"/api/training/status/{owned.session_id}")).json()
    assert status["phase"] == "failed"
    assert "no luck" in status["problem"]["detail"]
    assert {job["status"] for job in status["jobs"]} == {"failed"}
    assert status["lastSequence"] == 4


async def test_f27_a_promised_run_that_a_new_configuration_has_overtaken_is_told_and_not_waited_for(
    database: Database,
) -> None:
    owned = await with_dataset(database)
    generated = DatasetsGenerated.model_construct(session_id=owned.session_id, run_after=True)
    envelope = Envelope.model_construct(userid=str(owned.user_id))
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_sessions set status = 'configured' where session_id = $1", owned.session_id
        )
        await on_datasets_generated(transaction, envelope, generated)
        status = await transaction.fetch_value(
            "select status from training_sessions where session_id = $1", owned.session_id
        )
    assert await event_names(database, owned) == ["training.failed"]
    assert status == "configured", "the new configuration can be used"
    assert await jobs_of(database, owned) == []
