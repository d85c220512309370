"""Files to forecast, and calls of the intake: what its tests share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import numpy as np
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.database.pool import Database, Record
from shared.storage.keys import FORECAST_UPLOADS
from shared.storage.open import open_store
from tests.integration.apps import caller

START = datetime(2024, 1, 1, tzinfo=UTC)


def hourly_load(hours: int = 24 * 25, *, second_times: bool = False) -> bytes:
    """A daily wave in a column 'load'; optionally a second column of times, half an hour later."""
    random = np.random.default_rng(7)
    load = 50 + 20 * np.sin(np.arange(hours) * np.pi / 12) + random.normal(0, 1, hours)
    rows = ["time" + (",measured" if second_times else "") + ",load"]
    for hour, value in enumerate(load):
        moment = START + timedelta(hours=hour)
        later = f",{(moment + timedelta(minutes=30)):%Y-%m-%d %H:%M}" if second_times else ""
        rows.append(f"{moment:%Y-%m-%d %H:%M}{later},{value:.3f}")
    return ("\n".join(rows) + "\n").encode()


async def upload(
    client: httpx.AsyncClient, content: bytes, *, name: str = "load.csv", headers: dict[str, str] | None = None
) -> httpx.Response:
    """One file to the intake."""
    files = {"file": (name, content, "text/csv")}
    return await client.post("/api/forecast/upload", files=files, headers=headers)


async def pending_job(application: FastAPI, servers: LocalServers, user_id: UUID) -> str:
    """A job that waits to be started; its id."""
    async with caller(application, servers, user_id) as client:
        answer = await upload(client, hourly_load())
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["jobId"]
    return job_id


async def stored_keys(servers: LocalServers, user_id: UUID) -> set[str]:
    """What this user has in the forecasts' bucket, without the user's own folder."""
    opening = open_store(servers.store_url, public_url="http://test", signing_secret=servers.signing_secret)
    async with opening as store:
        return {entry.key.partition("/")[2] async for entry in store.list(FORECAST_UPLOADS, f"{user_id}/")}


async def rows_of(database: Database, table: str, user_id: UUID) -> list[Record]:
    """The user's rows."""
    async with database.transaction() as transaction:
        return await transaction.fetch(f"select * from public.{table} where user_id = $1", user_id)


async def nothing_left(database: Database, servers: LocalServers, user_id: UUID) -> bool:
    return not await rows_of(database, "forecast_jobs", user_id) and not await stored_keys(servers, user_id)
