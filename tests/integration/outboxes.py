"""What tests of messages record, the queues that they look at, and what others left in them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import aio_pika
import asyncpg
from aio_pika.exceptions import ChannelNotFoundEntity

from foretide.stack.servers import LocalServers
from shared.bus.topology import Subscription
from shared.database.pool import Database
from shared.delivery import outbox

if TYPE_CHECKING:
    from tests.integration.conftest import Owned

GENERATE = Subscription("dataset", "dataset.generate", "command")
CANCEL = Subscription("trainer", "training.cancel", "command")
_WORK = (
    GENERATE,
    CANCEL,
    Subscription("trainer", "datasets.generated", "event"),
    Subscription("trainer", "model.train", "command"),
)


async def forget_earlier_work(servers: LocalServers) -> None:
    """Drop what earlier modules asked for and nobody did: the workers of this one would do it first."""
    owner = await asyncpg.connect(servers.database_superuser_url)
    try:
        await owner.execute("update public.outbox set sent_at = now() where sent_at is null")
        for table in ("training_jobs", "training_datasets"):
            await owner.execute(f"update public.{table} set status = 'cancelled' where status in ('queued', 'running')")
    finally:
        await owner.close()
    async with await aio_pika.connect(servers.bus_url) as connection:
        for subscription in _WORK:
            channel = await connection.channel()
            with suppress(ChannelNotFoundEntity):
                await (await channel.get_queue(subscription.queue)).purge()


async def record(database: Database, owned: Owned, payload: object) -> UUID:
    async with database.transaction() as transaction:
        return await outbox.record(
            transaction,
            payload,  # type: ignore[arg-type]
            source="test",
            session_id=owned.session_id,
            user_id=owned.user_id,
        )
