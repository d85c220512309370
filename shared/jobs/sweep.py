"""Scheduled work whose schedule lives in the database, so that restarts and replicas share it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from shared.database.pool import Database
from shared.ending import end_tasks
from shared.problems import ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

_LAST_SUCCESS = Gauge(
    "foretide_sweep_last_success_timestamp_seconds", "When this sweep last ended well here.", ["sweep"]
)
_TAKE_TURN = """
insert into foretide.sweeps (name) values ($1)
on conflict (name) do update set last_begun = now()
    where foretide.sweeps.last_begun < now() - make_interval(secs => $2)
returning true
"""
_GIVE_BACK = """
update foretide.sweeps set last_begun = now() - make_interval(secs => $2) where name = $1
"""
_AGAIN_SECONDS = 600.0
"""After a failure, where the next turn would be later; and how often one looks whether it is one's turn."""
_SUCCEEDED = "update foretide.sweeps set last_succeeded = now() where name = $1"


class Sweep:
    """Runs ``action`` every ``seconds`` in one of the replicas; an error is logged, and it is tried again soon."""

    def __init__(self, database: Database, name: str, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._name = name
        self._seconds = seconds
        self._action = action
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run(), name=f"sweep-{self._name}")

    async def stop(self) -> None:
        """End after the statement under way."""
        if self._task:
            await end_tasks(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._take_turn()
            except ProblemError as error:
                log.warning("sweep put off", sweep=self._name, error=str(error))
            except Exception:
                log.exception("sweep failed", sweep=self._name)
            await asyncio.sleep(min(self._seconds, _AGAIN_SECONDS))

    async def _take_turn(self) -> None:
        async with self._database.transaction() as transaction:
            # A little less than the interval, so that this replica's own next turn is never refused.
            ours = await transaction.fetch_value(_TAKE_TURN, self._name, self._seconds * 0.9)
        if not ours:
            return
        try:
            await self._action()
        except Exception:
            async with self._database.transaction() as transaction:
                early = max(0.0, self._seconds * 0.9 - _AGAIN_SECONDS)
                await transaction.execute(_GIVE_BACK, self._name, early)
            raise
        async with self._database.transaction() as transaction:
            await transaction.execute(_SUCCEEDED, self._name)
        _LAST_SUCCESS.labels(self._name).set_to_current_time()
