"""One CSV in: what is kept, what is refused, what happens once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from shared.database.pool import Database
from tests.integration.apps import ServiceProcess, caller, running, settings_for, token_of
from tests.integration.forecasts import hourly_load, nothing_left, rows_of, stored_keys, upload
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def application(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(create_app(settings_for(servers, max_file_bytes=200_000))) as made:
        yield made


async def test_a_file_is_kept_under_its_job_and_its_content_is_told(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID
) -> None:
    answer = await upload(client, hourly_load(), name="../../x.csv")
    assert answer.status_code == 201
    said = answer.json()
    assert (said["status"], said["rows"], said["fileName"]) == ("pending", 600, "../../x.csv")
    assert [column["name"] for column in said["columns"]] == ["time", "load"]
    assert said["timeCandidates"][0]["column"] == "time"
    assert len(said["preview"]) == 20
    assert await stored_keys(servers, user_id) == {f"{said['jobId']}/input.csv", f"{said['jobId']}/canonical.parquet"}
    [job] = await rows_of(database, "forecast_jobs", user_id)
    assert job["input_file_path"] == f"{user_id}/{said['jobId']}/input.csv"
    assert (job["status"], job["session_id"], job["raw"]["bytes"]) == ("pending", None, len(hourly_load()))


async def test_what_is_no_csv_is_refused_with_its_problem_said_and_nothing_left(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID
) -> None:
    refused = await upload(client, b"\x89PNG\r\n\x1a\n" + bytes(1000), name="load.csv")
    assert (refused.status_code, refused.json()["category"]) == (422, "DATA_VALIDATION")
    assert "load.csv" in refused.json()["detail"]
    assert await nothing_left(database, servers, user_id)
    async with database.transaction() as transaction:
        said = await transaction.fetch(
            "select envelope from outbox where routing_key = 'file.rejected' and envelope ->> 'userid' = $1",
            str(user_id),
        )
    assert [row["envelope"]["data"]["file_name"] for row in said] == ["load.csv"]


FORMS: dict[str, tuple[bytes, str]] = {
    "no form": (b"time,load\n", "text/csv"),
    "no boundary": (b"--x\r\n", "multipart/form-data"),
    "another boundary": (b"--y\r\n\r\n--y--\r\n", "multipart/form-data; boundary=x"),
    "no file": (
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "nothing": (b"", "multipart/form-data; boundary=x"),
    "two files": (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntime,v\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="b.csv"\r\n\r\ntime,v\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "broken off": (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntime,load\r\n2024-01-01',
        "multipart/form-data; boundary=x",
    ),
    "NUL in the name": (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\0.csv"\r\n\r\ntime,v\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
}


@pytest.mark.parametrize("case", FORMS)
async def test_a_body_that_is_no_form_with_one_file_is_refused_and_nothing_left(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID, case: str
) -> None:
    body, content_type = FORMS[case]
    refused = await client.post("/api/forecast/upload", content=body, headers={"Content-Type": content_type})
    assert 400 <= refused.status_code < 500, refused.text
    assert refused.json()["category"] == "DATA_VALIDATION"
    assert await nothing_left(database, servers, user_id)


@pytest.mark.parametrize("declared", [True, False])
async def test_f22_a_file_that_is_too_large_is_refused_whether_it_says_so_or_not(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID, declared: bool
) -> None:
    request = client.build_request("POST", "/api/forecast/upload", files={"file": ("a.csv", b"time,v\n" * 60_000)})
    body = request.read()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    headers = {"Content-Type": request.headers["content-type"]}
    refused = await client.post("/api/forecast/upload", content=body if declared else pieces(), headers=headers)
    assert refused.status_code == 413
    assert await nothing_left(database, servers, user_id)


async def test_what_the_quota_has_no_room_for_is_refused(
    servers: LocalServers, database: Database, user_id: UUID
) -> None:
    content = hourly_load()
    async with (
        running(create_app(settings_for(servers, storage_quota_bytes=2 * len(content)))) as application,
        caller(application, servers, user_id) as client,
    ):
        assert (await upload(client, content)).status_code == 201
        refused = await upload(client, content)
        used = (await client.get("/api/training/usage")).json()["storageUsedBytes"]
    assert (refused.status_code, refused.json()["category"]) == (413, "RESOURCE_EXHAUSTION")
    assert len(content) < used < 2 * len(content)
    assert len(await rows_of(database, "forecast_jobs", user_id)) == 1


async def test_a_connection_that_is_cut_leaves_nothing(
    servers: LocalServers, database: Database, user_id: UUID
) -> None:
    async with ServiceProcess("upload", settings_for(servers)) as service:
        port = int(service.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            "POST /api/forecast/upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n"
            f"Authorization: Bearer {token_of(servers, user_id)}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntime,load\r\n'
        )
        writer.write(head.encode())
        await writer.drain()

        async def reserved() -> bool:
            return bool(await rows_of(database, "forecast_jobs", user_id))

        await until(reserved, what="the job's place is reserved")
        writer.close()
        await until(lambda: nothing_left(database, servers, user_id), what="nothing is left")


async def test_f24_an_upload_that_is_repeated_under_its_key_is_one_job(
    client: httpx.AsyncClient, database: Database, servers: LocalServers, user_id: UUID
) -> None:
    key = {"Idempotency-Key": "a"}
    first = await upload(client, hourly_load(), headers=key)
    second = await upload(client, hourly_load(), headers=key)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert len(await rows_of(database, "forecast_jobs", user_id)) == 1
    assert {entry.partition("/")[0] for entry in await stored_keys(servers, user_id)} == {first.json()["jobId"]}
    other = await upload(client, hourly_load(700), headers=key)
    assert (other.status_code, "'a'" in other.json()["detail"]) == (422, True)
    assert len(await rows_of(database, "forecast_jobs", user_id)) == 1
