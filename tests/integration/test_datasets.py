"""Datasets on real servers: made once for the same content, shared, removed with their last session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.dataset.app import create_api, create_worker
from services.dataset.worker import on_session_deleted
from shared.database.pool import Database, Record
from shared.runtime.service import Service
from shared.storage.errors import ObjectNotFound
from shared.storage.keys import TRAINING_DATASETS, TRAINING_FILES
from shared.storage.transfer import put_file
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned, make_session
from tests.integration.outboxes import forget_earlier_work
from tests.unit.series.examples import changed, document, hourly
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def api(servers: LocalServers) -> AsyncIterator[FastAPI]:
    """The service, with its worker beside it."""
    await forget_earlier_work(servers)
    settings = settings_for(servers, sweep_seconds=3600, lease_seconds=30)
    async with running(create_worker(settings)), running(create_api(settings)) as application:
        yield application


async def with_files(
    api: FastAPI, database: Database, folder: Path, *, user_id: UUID | None = None, hours: int = 300, **names: str
) -> Owned:
    """A session with two uploaded files, as the upload service leaves them."""
    owned, service = await make_session(database, user_id=user_id), api.state.service
    for seed, file in enumerate(("load", "temperature")):
        series, path = hourly(hours, seed=seed), folder / f"{file}.parquet"
        times = pl.Series("time", series.times).cast(pl.Datetime("ns", "UTC"))
        pl.DataFrame({"time": times, "value": series.values}).write_parquet(path)
        key = f"{owned.user_id}/{owned.session_id}/{file}.parquet"
        stored = await put_file(service.store, TRAINING_FILES, key, path)
        reference = {"bucket": TRAINING_FILES, "key": key, "sha256": stored.sha256, "bytes": stored.size}
        analysis = {"columns": [{"name": "t", "kind": "time"}, {"name": "value", "kind": "number"}], "time_column": "t"}
        async with database.transaction() as transaction:
            await transaction.execute(
                """insert into public.training_files (session_id, user_id, file_name, file_type, file_size,
                   storage_path, sha256, raw, canonical, analysis)
                   values ($1, $2, $3, 'input', 1, $4, $5, $6, $6, $7)""",
                owned.session_id,
                owned.user_id,
                names.get(file, file),
                key,
                stored.sha256,
                reference,
                analysis,
            )
    return owned


async def generated(
    api: FastAPI, servers: LocalServers, database: Database, owned: Owned, configuration: dict[str, Any]
) -> Record:
    """The dataset's row once the work on it has ended."""
    async with caller(api, servers, owned.user_id) as client:
        answer = await client.post(f"/api/training/generate-datasets/{owned.session_id}", json=configuration)
    assert answer.status_code == 202, answer.text

    async def ended() -> Record | None:
        async with database.transaction() as transaction:
            row = await transaction.fetch_row(
                "select * from public.training_datasets where id = $1", UUID(answer.json()["runId"])
            )
        return row if row is not None and row["status"] in ("ready", "failed") else None

    row: Record = await until(ended, seconds=180, what="the dataset ended")
    return row


async def is_stored(service: Service, row: Record) -> bool:
    try:
        await service.store.stat(TRAINING_DATASETS, row["storage_path"])
    except ObjectNotFound:
        return False
    return True


async def test_the_same_content_is_made_once_for_a_user_and_removed_with_its_last_session(
    api: FastAPI, servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    service, user_id = api.state.service, uuid4()
    first = await with_files(api, database, tmp_path, user_id=user_id)
    made = await generated(api, servers, database, first, document())
    second = await with_files(api, database, tmp_path, user_id=user_id, load="Last.csv")
    renamed = document()
    for entry in renamed["series"]:
        entry["file"] = entry["file"].replace("load", "Last.csv")

    shared = await generated(api, servers, database, second, renamed)
    stranger = await with_files(api, database, tmp_path)
    other = await generated(api, servers, database, stranger, document())

    assert [row["status"] for row in (made, shared, other)] == ["ready"] * 3
    assert shared["storage_path"] == made["storage_path"] != other["storage_path"]
    assert shared["total_examples"] == made["total_examples"] == 291
    assert other["metadata"]["references"]["dataset"]["sha256"] == made["metadata"]["references"]["dataset"]["sha256"]
    plots = shared["metadata"]["references"]["violin_inputs"]
    assert plots["key"].startswith(second.session_id)
    await on_session_deleted(database, service.store, first.session_id)
    assert await is_stored(service, shared)
    await on_session_deleted(database, service.store, second.session_id)
    assert not await is_stored(service, shared)
    assert await is_stored(service, other)


async def test_two_sessions_that_are_deleted_at_once_leave_nothing(
    api: FastAPI, servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    service, user_id = api.state.service, uuid4()
    sessions = [await with_files(api, database, tmp_path, user_id=user_id) for _ in range(2)]
    rows = [await generated(api, servers, database, owned, document()) for owned in sessions]
    assert rows[0]["storage_path"] == rows[1]["storage_path"]

    await asyncio.gather(*(on_session_deleted(database, service.store, owned.session_id) for owned in sessions))

    assert not await is_stored(service, rows[0])


async def test_other_choices_are_another_dataset(
    api: FastAPI, servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    owned = await with_files(api, database, tmp_path)
    one = await generated(api, servers, database, owned, document())
    other = await generated(api, servers, database, owned, changed("series.0.horizon.start_hours", -5))
    assert one["fingerprint"] != other["fingerprint"]
    assert one["storage_path"] != other["storage_path"]


async def test_not_enough_data_is_an_answer_with_the_changes_that_help(
    api: FastAPI, servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    owned = await with_files(api, database, tmp_path, hours=30)

    row = await generated(api, servers, database, owned, document())

    assert row["status"] == "failed"
    assert row["error"]["category"] == "INSUFFICIENT_DATA"
    details = row["error"]["technical_details"]
    assert details["windows"] < details["needed"]
    assert len(details["changes"]) == 2


async def test_an_unknown_country_is_refused_at_once(
    api: FastAPI, servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    owned = await with_files(api, database, tmp_path)
    asked = changed("time_features.holiday", {"country": "XX"})
    async with caller(api, servers, owned.user_id) as client:
        answer = await client.post(f"/api/training/generate-datasets/{owned.session_id}", json=asked)
    assert answer.status_code == 422
    assert "time_features.holiday" in answer.json()["detail"]
