"""A forecast started from one CSV: what is chosen and queued, what is refused, what happens once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from tests.integration.apps import caller
from tests.integration.forecasts import hourly_load, nothing_left, pending_job, rows_of, stored_keys, upload
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def job_id(application: FastAPI, servers: LocalServers, user_id: UUID) -> str:
    return await pending_job(application, servers, user_id)


async def test_a_job_is_started_as_an_ordinary_session_with_everything_in_one_transaction(
    client: httpx.AsyncClient, database: Database, user_id: UUID, job_id: str
) -> None:
    answer = await client.post(f"/api/forecast/{job_id}")
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert said["status"] == "processing"
    chosen = {choice["name"]: choice["value"] for choice in said["choices"]}
    assert (chosen["timeColumn"], chosen["targetColumns"], chosen["stepMinutes"]) == ("time", ["load"], 60)
    assert (chosen["seasonSteps"], chosen["horizon"]) == (24, 24)
    session_id = said["sessionId"]
    session = (await client.get(f"/api/training/sessions/{session_id}")).json()
    assert (session["name"], session["status"]) == ("load.csv", "generating")
    configuration = (await client.get(f"/api/training/sessions/{session_id}/configuration")).json()
    [file] = (await client.get(f"/api/training/sessions/{session_id}/files")).json()["items"]
    assert {series["file"] for series in configuration["series"]} == {file["fileId"]}
    [dataset] = await rows_of(database, "training_datasets", user_id)
    assert (dataset["status"], dataset["run_after"], dataset["session_id"]) == ("queued", True, session_id)
    async with database.transaction() as transaction:
        told = await transaction.fetch(
            "select routing_key from outbox where envelope ->> 'subject' = $1 order by position", session_id
        )
    assert [row["routing_key"] for row in told] == ["session.created", "file.uploaded", "dataset.generate"]
    [job] = await rows_of(database, "forecast_jobs", user_id)
    assert (job["status"], job["session_id"], job["choices"]) == ("processing", session_id, said["choices"])


async def test_once_it_is_a_session_the_file_is_counted_once(client: httpx.AsyncClient, job_id: str) -> None:
    before = (await client.get("/api/training/usage")).json()["storageUsedBytes"]
    await client.post(f"/api/forecast/{job_id}")
    assert (await client.get("/api/training/usage")).json()["storageUsedBytes"] == before > 0


async def test_f24_starting_is_done_once_under_a_key_and_refused_without_one(
    client: httpx.AsyncClient, database: Database, user_id: UUID, job_id: str
) -> None:
    key = {"Idempotency-Key": "start"}
    first = await client.post(f"/api/forecast/{job_id}", json={"horizon": 6}, headers=key)
    second = await client.post(f"/api/forecast/{job_id}", json={"horizon": 6}, headers=key)
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (202, first.json())
    assert (await client.post(f"/api/forecast/{job_id}", json={"horizon": 7}, headers=key)).status_code == 422
    again = await client.post(f"/api/forecast/{job_id}")
    assert (again.status_code, again.json()["category"]) == (409, "CONFLICT")
    assert len(await rows_of(database, "training_sessions", user_id)) == 1


async def test_of_two_that_start_a_job_at_once_one_does(
    client: httpx.AsyncClient, database: Database, user_id: UUID, job_id: str
) -> None:
    answers = await asyncio.gather(*(client.post(f"/api/forecast/{job_id}") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
    for table in ("training_sessions", "training_datasets", "training_files"):
        assert len(await rows_of(database, table, user_id)) == 1


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"targetColumns": ["laod"]}, "DATA_VALIDATION", "Did you mean 'load'?"),
    ({"timeColumn": "tme"}, "DATA_VALIDATION", "Did you mean 'time'?"),
    ({"horizon": 400}, "INSUFFICIENT_DATA", "Leave out horizon: what the data has room for is chosen then."),
    ({"timeColumn": "load"}, "DATA_VALIDATION", "Choose another column: time."),
    ({"models": [{"kind": "Linaer"}]}, "DATA_VALIDATION", "Did you mean 'Linear'?"),
    ({"horizn": 3}, "DATA_VALIDATION", ""),
    ({"timezone": "Europe/Viena"}, "DATA_VALIDATION", ""),
]


@pytest.mark.parametrize(("wishes", "category", "way_out"), REFUSED)
async def test_a_wish_that_cannot_be_met_queues_nothing_and_the_job_still_waits(
    client: httpx.AsyncClient,
    database: Database,
    user_id: UUID,
    job_id: str,
    wishes: dict[str, Any],
    category: str,
    way_out: str,
) -> None:
    refused = await client.post(f"/api/forecast/{job_id}", json=wishes)
    assert (refused.status_code, refused.json()["category"]) == (422, category)
    assert not way_out or way_out in refused.json()["recovery"]
    assert await rows_of(database, "training_sessions", user_id) == []
    [job] = await rows_of(database, "forecast_jobs", user_id)
    assert (job["status"], job["choices"]) == ("pending", None)


async def test_f51_another_users_job_is_not_found_and_still_waits(
    application: FastAPI, servers: LocalServers, database: Database, user_id: UUID, job_id: str
) -> None:
    async with caller(application, servers, uuid4()) as stranger:
        refused = await stranger.post(f"/api/forecast/{job_id}")
    assert (refused.status_code, refused.json()["category"]) == (404, "NOT_FOUND")
    [job] = await rows_of(database, "forecast_jobs", user_id)
    assert (job["status"], job["session_id"]) == ("pending", None)


async def test_too_little_data_is_told_before_anything_is_queued(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    job_id = (await upload(client, hourly_load(12))).json()["jobId"]
    refused = await client.post(f"/api/forecast/{job_id}")
    assert (refused.status_code, refused.json()["category"]) == (422, "INSUFFICIENT_DATA")
    assert refused.json()["technical_details"]["steps"] == 12
    assert refused.json()["technical_details"]["steps_needed"] > 12
    assert await rows_of(database, "training_sessions", user_id) == []


async def test_another_time_column_is_read_anew_and_the_copy_that_was_left_is_removed(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID
) -> None:
    job_id = (await upload(client, hourly_load(second_times=True))).json()["jobId"]
    [before] = await rows_of(database, "forecast_jobs", user_id)
    other = "measured" if before["analysis"]["time_column"] == "time" else "time"
    answer = await client.post(f"/api/forecast/{job_id}", json={"timeColumn": other, "timezone": "Europe/Vienna"})
    assert answer.status_code == 202, answer.text
    [job] = await rows_of(database, "forecast_jobs", user_id)
    [file] = await rows_of(database, "training_files", user_id)
    assert job["analysis"]["time_column"] == file["analysis"]["time_column"] == other
    assert job["analysis"]["timezone"] == "Europe/Vienna"
    kept = {f"{job_id}/input.csv", file["canonical"]["key"].partition("/")[2]}
    assert await stored_keys(servers, user_id) == kept
    assert f"{job_id}/canonical.parquet" not in kept


async def test_a_reading_that_led_to_nothing_leaves_nothing(
    client: httpx.AsyncClient, servers: LocalServers, user_id: UUID, job_id: str
) -> None:
    before = await stored_keys(servers, user_id)
    refused = await client.post(f"/api/forecast/{job_id}", json={"timezone": "Europe/Vienna", "horizon": 400})
    assert refused.json()["category"] == "INSUFFICIENT_DATA"
    assert await stored_keys(servers, user_id) == before


async def test_a_job_that_failed_is_started_again_in_the_same_session(
    client: httpx.AsyncClient, database: Database, user_id: UUID, job_id: str
) -> None:
    first = (await client.post(f"/api/forecast/{job_id}")).json()
    async with database.transaction() as transaction:
        for table in ("training_sessions", "training_datasets", "forecast_jobs"):
            await transaction.execute(f"update {table} set status = 'failed' where user_id = $1", user_id)
    again = await client.post(f"/api/forecast/{job_id}", json={"horizon": 3, "timezone": "Europe/Vienna"})
    assert again.status_code == 202, again.text
    assert again.json()["sessionId"] == first["sessionId"]
    [file] = await rows_of(database, "training_files", user_id)
    assert file["analysis"]["timezone"] == "Europe/Vienna"
    [job] = await rows_of(database, "forecast_jobs", user_id)
    assert (job["status"], job["problem"]) == ("processing", None)
    assert len(await rows_of(database, "training_datasets", user_id)) == 2


async def test_what_was_decided_of_a_failed_jobs_file_stays_when_it_is_started_again(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID, job_id: str
) -> None:
    session_id = (await client.post(f"/api/forecast/{job_id}")).json()["sessionId"]
    async with database.transaction() as transaction:
        for table in ("training_sessions", "training_datasets", "forecast_jobs"):
            await transaction.execute(f"update {table} set status = 'failed' where user_id = $1", user_id)
    [file] = await rows_of(database, "training_files", user_id)
    path = f"/api/training/sessions/{session_id}/files/{file['id']}/analysis"
    decided = await client.put(path, json={"timezone": "Europe/Vienna", "delimiter": ","})
    assert decided.status_code == 200, decided.text
    again = await client.post(f"/api/forecast/{job_id}", json={"timezone": "Asia/Tokyo"})
    assert again.status_code == 202, again.text
    [file] = await rows_of(database, "training_files", user_id)
    overrides = file["analysis"]["overrides"]
    assert (overrides["timezone"], overrides["delimiter"]) == ("Asia/Tokyo", ",")
    assert await stored_keys(servers, user_id) == {f"{job_id}/input.csv", file["canonical"]["key"].partition("/")[2]}


async def test_a_job_that_nobody_starts_expires_with_its_bytes(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID, job_id: str
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "update forecast_jobs set expires_at = now() - interval '1 minute' where user_id = $1", user_id
        )
    await until(lambda: nothing_left(database, servers, user_id), what="the job is gone")
    assert (await client.post(f"/api/forecast/{job_id}")).status_code == 404


async def test_a_deleted_session_takes_its_job_and_its_folder_along(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID, job_id: str
) -> None:
    session_id = (await client.post(f"/api/forecast/{job_id}")).json()["sessionId"]
    await client.delete(f"/api/training/sessions/{session_id}")
    assert (await client.post(f"/api/forecast/{job_id}")).status_code == 404
    # The dataset service, which does not run here, would remove its part.
    async with database.transaction() as transaction:
        await transaction.execute("delete from training_datasets where session_id = $1", session_id)
    await until(lambda: nothing_left(database, servers, user_id), what="job and folder are gone")
