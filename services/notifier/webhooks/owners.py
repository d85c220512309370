"""Who has webhooks at all: asked of the database for many events at once.

Nearly no event is for a webhook, and the process that looks at all of them serves the sockets, which cannot wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from shared.database.pool import Database

_GATHER_SECONDS = 0.02
_OWNERS = "select distinct user_id from public.webhooks where user_id = any($1::uuid[])"


@dataclass(slots=True)
class _Question:
    """Which of these users have webhooks."""

    answer: asyncio.Future[set[UUID]]
    users: set[UUID] = field(default_factory=set)


class Owners:
    """Answers for one event, with those that come at about the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: _Question | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def has_webhooks(self, user_id: UUID) -> bool:
        """Whether this user has any, active or not. Raises :class:`~shared.database.pool.DatabaseUnavailable`."""
        if self._question is None:
            self._question = _Question(asyncio.get_running_loop().create_future())
            self._asking.add(task := asyncio.create_task(self._ask()))
            task.add_done_callback(self._asking.discard)
        question = self._question
        question.users.add(user_id)
        # One that is not waited for any more leaves the answer to the others.
        return user_id in await asyncio.shield(question.answer)

    async def _ask(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        question, self._question = self._question, None
        assert question is not None
        try:
            async with self._database.transaction() as transaction:
                rows = await transaction.fetch(_OWNERS, list(question.users))
        except Exception as error:
            question.answer.set_exception(error)
        else:
            question.answer.set_result({row["user_id"] for row in rows})
