"""What the benchmarks of trainings run on: a local stack on private servers, and a session whose data are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.sessions import configured_session, write_load
from foretide.client.http import Client
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.ports import Ports
from shared.database.pool import Database, Record

_DEADLINE_SECONDS = 900.0
_LOOK_SECONDS = 0.05
_SETTINGS = {"FORETIDE_REQUESTS_PER_MINUTE": "1000000", "FORETIDE_LOG_LEVEL": "ERROR"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A running stack, its interface and its database."""

    stack: RunningStack
    client: Client
    database: Database


@asynccontextmanager
async def opened(folder: Path, settings: dict[str, str], *, workers: int = 1) -> AsyncIterator[Opened]:
    """With so many trainer workers, without a limit of requests."""
    folder.mkdir(exist_ok=True)
    ports = Ports(folder / "ports.json")
    async with (
        local_stack(
            folder / "data", port=ports.claim("gateway"), workers=workers, settings={**_SETTINGS, **settings}
        ) as stack,
        Client(stack.url, stack.token) as client,
    ):
        database = Database(stack.servers.database_url, pool_size=2)
        await database.open()
        try:
            yield Opened(stack, client, database)
        finally:
            await database.close()


class Platform:
    """A session, with hourly load of so many days, whose models are trained as they are asked for."""

    def __init__(self, opened: Opened, session_id: str) -> None:
        self._opened = opened
        self._session_id = session_id

    @classmethod
    async def with_load(cls, opened: Opened, folder: Path, *, days: int) -> Platform:
        """Nothing is generated yet."""
        file = write_load(folder / "load.csv", days=days)
        return cls(opened, await configured_session(opened.client, file, []))

    async def dataset(self) -> Path:
        """Make it; the arrays, in the folder store."""
        await self._opened.client.call("POST", f"/api/training/generate-datasets/{self._session_id}")
        [row] = await self._until("select * from public.training_datasets where session_id = $1", "ready", 1)
        reference = row["metadata"]["references"]["dataset"]
        return Path(self._opened.stack.servers.data_directory, "objects", reference["bucket"], reference["key"])

    async def start(self, models: list[dict[str, Any]]) -> str:
        """The run's id."""
        path = f"/api/training/train-models/{self._session_id}"
        run_id: str = (await self._opened.client.call("POST", path, json={"models": models}))["runId"]
        return run_id

    async def trained(self, run_id: str, count: int) -> list[Record]:
        """The run's jobs, as soon as at least so many of them are trained."""
        query = "select * from public.training_jobs where session_id = $1 and run_id = $2"
        return await self._until(query, "trained", count, run_id)

    async def completed(self, run_id: str) -> None:
        """Wait until the run's results are stored, too."""
        await self._until(
            "select * from public.training_runs where session_id = $1 and id = $2", "completed", 1, run_id
        )

    async def _until(self, query: str, status: str, count: int, *further: str) -> list[Record]:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline:
            async with self._opened.database.transaction() as transaction:
                rows = await transaction.fetch(query, self._session_id, *further)
            found = [row["status"] for row in rows]
            if "failed" in found:
                raise RuntimeError(f"failed: {[dict(row) for row in rows]}")
            if found.count(status) >= count:
                return list(rows)
            await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError(f"not {status} in time")
