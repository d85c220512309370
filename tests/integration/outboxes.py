"""What tests of messages record, and the queues that they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from shared.bus.topology import Subscription
from shared.database.pool import Database
from shared.delivery import outbox

if TYPE_CHECKING:
    from tests.integration.conftest import Owned

GENERATE = Subscription("dataset", "dataset.generate", "command")
CANCEL = Subscription("trainer", "training.cancel", "command")


async def record(database: Database, owned: Owned, payload: object) -> UUID:
    async with database.transaction() as transaction:
        return await outbox.record(
            transaction,
            payload,  # type: ignore[arg-type]
            source="test",
            session_id=owned.session_id,
            user_id=owned.user_id,
        )
