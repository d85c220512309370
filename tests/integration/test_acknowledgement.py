"""Jobs that outlast the broker's acknowledgement timeout, here three seconds instead of half an hour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api
from shared.bus import topology
from shared.bus.port import OutgoingMessage
from shared.bus.rabbit import RabbitBus
from shared.bus.topology import Subscription
from shared.database.migrate import migrate
from shared.database.pool import Database
from shared.events.envelope import Envelope, event_type
from shared.jobs import lease
from shared.jobs.worker import Job, Worker
from shared.runtime.child import Children
from tests.integration.apps import running, settings_for
from tests.integration.conftest import started
from tests.integration.jobs import jobs_of, kind_of, start, with_dataset
from tests.waiting import until

pytestmark = pytest.mark.integration

TIMEOUT_SECONDS = 3
GENERATE = Subscription("dataset", "dataset.generate", "command")


@pytest.fixture(scope="module")
async def impatient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalServers]:
    """Servers of their own: a broker that looks every second who has held a message for too long."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "rabbitmq").mkdir(mode=0o700)
    (folder / "rabbitmq" / "advanced.config").write_text(
        f"[{{rabbit, [{{channel_tick_interval, 1000}}, {{consumer_timeout, {TIMEOUT_SECONDS * 1000}}}]}}].\n"
    )
    async with LocalServers(folder) as servers:
        await migrate(servers.database_superuser_url, authenticator_password=servers.authenticator_password)
        yield servers


async def test_this_broker_takes_a_message_away_that_is_held_too_long(impatient: LocalServers) -> None:
    """Else the other test would show nothing."""
    bus = RabbitBus(impatient.bus_url, name="slow", retry_delays=[1])
    deliveries: list[UUID] = []

    async def handler(envelope: Envelope) -> None:
        deliveries.append(envelope.id)
        if len(deliveries) == 1:
            await asyncio.Event().wait()

    bus.subscribe(GENERATE, handler)
    await started(bus)
    envelope = Envelope(id=uuid4(), source="/test", type=event_type("dataset.generate"), subject="s", data={})
    await bus.publish([OutgoingMessage(topology.COMMANDS, "dataset.generate", str(envelope.id), envelope.to_bytes())])
    await until(lambda: deliveries == [envelope.id] * 2, seconds=60, what="the message given out again")
    await bus.stop()


async def test_f25_a_job_that_outlasts_the_acknowledgement_timeout_runs_once(impatient: LocalServers) -> None:
    settings = settings_for(impatient, sweep_seconds=1)
    database = Database(impatient.database_url, pool_size=4)
    await database.open()
    bus = RabbitBus(impatient.bus_url, name="worker", retry_delays=[1])
    executed: list[UUID] = []
    children = Children("tests.integration.busy_child", what="Computing")

    async def compute(job: Job) -> None:
        executed.append(job.claim.job_id)
        await children.run({"seconds": 4 * TIMEOUT_SECONDS})
        async with database.transaction() as transaction:
            assert await lease.finish(transaction, job.claim, "trained")

    worker = Worker(database, bus, kind_of(compute), service="trainer", slots=2, lease_seconds=30)
    async with running(create_api(settings)) as trainer:
        await started(bus)
        owned = await with_dataset(database)
        await start(trainer, impatient, owned)

        async def trained() -> bool:
            return {job["status"] for job in await jobs_of(database, owned)} == {"trained"}

        await until(trained, seconds=120, what="both jobs trained")
        jobs = await jobs_of(database, owned)
    await worker.stop()
    await bus.stop()
    await children.stop()
    await database.close()
    assert [job["attempt"] for job in jobs] == [1, 1]
    assert sorted(executed) == sorted(job["id"] for job in jobs)
