"""Jobs on real servers: leased, fenced, reaped, cancelled, handed back; and scheduled work."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.trainer.memory import smaller_job
from services.trainer.outcomes import command_for
from services.trainer.runs import fail_job
from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.delivery.relay import Relay
from shared.jobs import lease
from shared.jobs.reaper import reap
from shared.jobs.sweep import Sweep
from shared.jobs.worker import Job, Worker
from shared.sessions.state import SessionStatus
from tests.integration.apps import caller
from tests.integration.conftest import Owned, make_session, started
from tests.integration.jobs import claim_first, event_names, jobs_of, kind_of, start, with_dataset
from tests.integration.outboxes import forget_earlier_work
from tests.waiting import until

pytestmark = pytest.mark.integration


async def test_f26_late_writes_of_a_finished_or_lost_job_are_refused(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)
    await start(trainer, servers, owned)
    old = await claim_first(database, owned, lease_seconds=0.01)
    await reap_jobs(database, owned)
    new = await claim_first(database, owned, lease_seconds=60)
    assert new.attempt > old.attempt
    async with database.transaction() as transaction:
        assert not await lease.renew(transaction, old, lease_seconds=60, progress=50, detail={})
        assert not await lease.finish(transaction, old, "trained")
        assert await lease.finish(transaction, new, "trained")
        assert not await lease.renew(transaction, new, lease_seconds=60, progress=99, detail={})


async def reap_jobs(database: Database, owned: Owned, attempts: int = 5) -> None:
    async def lapsed() -> bool:
        async with database.transaction() as transaction:
            return bool(
                await transaction.fetch_value(
                    """select true from training_jobs
                       where session_id = $1 and status = 'running' and lease_until < now()""",
                    owned.session_id,
                )
            )

    await until(lapsed, what="a lapsed lease")
    await reap(
        database,
        "training_jobs",
        service="trainer",
        attempts=attempts,
        command=command_for,
        fail=fail_job,
        advice=smaller_job,
    )


async def test_f27_f28_a_job_of_a_lost_worker_is_queued_again_and_fails_with_a_reason_in_the_end(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)
    await start(trainer, servers, owned)
    await claim_first(database, owned, lease_seconds=0.01)
    await reap_jobs(database, owned, attempts=2)
    assert (await jobs_of(database, owned))[0]["status"] == "queued"
    await claim_first(database, owned, lease_seconds=0.01)
    await reap_jobs(database, owned, attempts=2)
    job = (await jobs_of(database, owned))[0]
    assert job["status"] == "failed"
    assert "worker" in job["error"]["detail"]
    assert job["error"]["recovery"] == [*smaller_job(job), "Or give the workers more memory, and start it again."]
    assert (await event_names(database, owned))[-1] == "model.failed"


async def test_f25_the_heartbeat_is_the_workers_and_lives_while_the_job_says_nothing(
    trainer: FastAPI, servers: LocalServers, database: Database, bus: RabbitBus, relay: Relay
) -> None:
    await forget_earlier_work(servers)
    owned = await with_dataset(database)
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def silent(job: Job) -> None:
        await may_end.wait()
        async with database.transaction() as transaction:
            assert await lease.finish(transaction, job.claim, "trained")
        ended.set()

    worker = Worker(database, bus, kind_of(silent), service="trainer", slots=2, lease_seconds=2)
    await started(bus, relay)
    await start(trainer, servers, owned)

    async def outlived() -> bool:
        jobs = [job for job in await jobs_of(database, owned) if job["status"] == "running"]
        async with database.transaction() as transaction:
            old = await transaction.fetch_value(
                "select count(*) from training_jobs where id = any($1::uuid[]) and created_at < now() - interval '6 s'",
                [job["id"] for job in jobs],
            )
        return len(jobs) == 2 and old == 2

    await until(outlived, what="two jobs that run for three leases")
    await reap(
        database, "training_jobs", service="trainer", attempts=5, command=command_for, fail=fail_job, advice=smaller_job
    )
    assert [job["attempt"] for job in await jobs_of(database, owned)] == [1, 1], "nobody took them away"
    may_end.set()
    await asyncio.wait_for(ended.wait(), 30)
    await worker.stop()


async def test_f29_f37_a_cancelled_run_stops_its_workers_and_writes_nothing_more(
    trainer: FastAPI, servers: LocalServers, database: Database, bus: RabbitBus, relay: Relay
) -> None:
    await forget_earlier_work(servers)
    owned = await with_dataset(database)
    cleaned: list[UUID] = []

    async def endless(_: Job) -> None:
        await asyncio.Event().wait()

    worker = Worker(database, bus, kind_of(endless, cleaned), service="trainer", slots=2, lease_seconds=5)
    await started(bus, relay)
    await start(trainer, servers, owned)

    async def both_running() -> bool:
        return [job["status"] for job in await jobs_of(database, owned)] == ["running", "running"]

    await until(both_running, what="both jobs running")
    async with caller(trainer, servers, owned.user_id) as client:
        assert (await client.post(f"/api/training/cancel/{owned.session_id}")).status_code == 202
        await until(lambda: len(cleaned) == 2, what="both workers stopped")
        status = (await client.get(f"/api/training/status/{owned.session_id}")).json()
        assert status["phase"] == "cancelled"
        assert {job["status"] for job in status["jobs"]} == {"cancelled"}
        assert (await client.post(f"/api/training/cancel/{owned.session_id}")).status_code == 409
    assert (await event_names(database, owned))[-1] == "training.cancelled"
    await worker.stop()


async def test_a_stopping_worker_hands_its_job_back_to_another(
    trainer: FastAPI, servers: LocalServers, database: Database, relay: Relay, bus: RabbitBus
) -> None:
    await forget_earlier_work(servers)
    owned = await with_dataset(database)

    async def endless(_: Job) -> None:
        await asyncio.Event().wait()

    first = Worker(database, bus, kind_of(endless), service="trainer", slots=2, lease_seconds=60)
    await started(bus, relay)
    await start(trainer, servers, owned)

    async def states() -> set[tuple[str, int]]:
        return {(job["status"], job["attempt"]) for job in await jobs_of(database, owned)}

    async def running_once() -> bool:
        return await states() == {("running", 1)}

    await until(running_once, what="both jobs running")
    other_bus = RabbitBus(servers.bus_url, name="other", retry_delays=[1])
    second = Worker(database, other_bus, kind_of(endless), service="trainer", slots=2, lease_seconds=60)
    await started(other_bus)
    await first.stop()

    async def running_again() -> bool:
        return await states() == {("running", 2)}

    await until(running_again, what="the other worker going on, long before any lease ends")
    await second.stop()
    await other_bus.stop()


async def test_f32_every_status_can_be_written_and_a_long_error_too(database: Database) -> None:
    owned = await make_session(database)
    async with database.transaction() as transaction:
        for status in SessionStatus:
            await transaction.execute(
                "update training_sessions set status = $2, problem = $3 where session_id = $1",
                owned.session_id,
                status.value,
                {"detail": "x" * 100_000},
            )


async def test_f34_a_connection_that_the_database_closed_is_not_felt(
    trainer: FastAPI, servers: LocalServers, database: Database
) -> None:
    owned = await with_dataset(database)
    async with caller(trainer, servers, owned.user_id) as client:
        assert (await client.get(f"/api/training/status/{owned.session_id}")).status_code == 200
        owner = await asyncpg.connect(servers.database_superuser_url)
        await owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
        await owner.close()
        answers = [await client.get(f"/api/training/status/{owned.session_id}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_f36_scheduled_work_keeps_its_schedule_in_the_database_and_says_when_it_last_succeeded(
    database: Database,
) -> None:
    done: list[str] = []
    name = f"test-{uuid4().hex}"

    def replica(label: str) -> Sweep:
        async def action() -> None:
            done.append(label)

        return Sweep(database, name, 3600, action)

    replicas = [replica("one"), replica("other")]
    for sweep in replicas:
        await sweep.start()

    async def succeeded() -> Any:
        async with database.transaction() as transaction:
            return await transaction.fetch_value("select last_succeeded from foretide.sweeps where name = $1", name)

    await until(succeeded, what="a success noted")
    restarted = replica("restarted")
    await restarted.start()
    for sweep in [*replicas, restarted]:
        await sweep.stop()
    assert len(done) == 1, "one replica's turn, and a restart does not begin the hour anew"


async def test_f36_a_turn_that_failed_comes_again_soon_not_after_a_whole_day(database: Database) -> None:
    name, day = f"test-{uuid4().hex}", 86_400.0
    tried: list[str] = []

    async def action() -> None:
        tried.append("once")
        raise RuntimeError("the store refused it")

    async def waits() -> float:
        async with database.transaction() as transaction:
            waited: float = await transaction.fetch_value(
                "select extract(epoch from last_begun - now())::float8 + $2 from foretide.sweeps where name = $1",
                name,
                day * 0.9,
            )
        return waited

    sweep = Sweep(database, name, day, action)
    await sweep.start()

    async def given_back() -> bool:
        return bool(tried) and await waits() < 700

    await until(given_back, what="the turn given back")
    await sweep.stop()
    assert await waits() > 500
