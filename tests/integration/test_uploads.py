"""Chunked uploads and sessions on real servers: any order, any replica, exactly one completion."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from services.upload.chunks import receive_chunk
from services.upload.housekeeping import sweep_staging
from services.upload.limits import Limits
from shared.database.pool import Database
from shared.problems import ProblemError
from shared.storage.local import LocalStore
from tests.files import files_below
from tests.integration.apps import caller, running, settings_for
from tests.integration.chain import configuration, write_series
from tests.waiting import until

pytestmark = pytest.mark.integration

CHUNK = 4096


@pytest.fixture(scope="module")
async def replicas(servers: LocalServers) -> AsyncIterator[tuple[FastAPI, FastAPI]]:
    """Two upload replicas that share nothing but the servers."""
    settings = settings_for(servers)
    async with running(create_app(settings)) as one, running(create_app(settings)) as other:
        yield one, other


@pytest.fixture
async def client(replicas: tuple[FastAPI, FastAPI], servers: LocalServers) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(replicas[0], servers) as made:
        yield made


def chunks_of(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)] or [b""]


async def send(
    client: httpx.AsyncClient, upload_id: str, name: str, index: int, total: int, data: bytes
) -> httpx.Response:
    return await client.post(
        "/api/training/upload-chunk",
        data={"uploadId": upload_id, "chunkIndex": str(index), "totalChunks": str(total), "fileName": name},
        files={"chunk": (name, data)},
    )


async def upload(client: httpx.AsyncClient, name: str, data: bytes) -> tuple[str, httpx.Response]:
    parts = chunks_of(data)
    upload_id = uuid4().hex
    answers = [await send(client, upload_id, name, index, len(parts), part) for index, part in enumerate(parts)]
    return upload_id, answers[-1]


def staged_files(servers: LocalServers) -> set[Path]:
    return files_below(servers.data_directory / "objects" / "upload-staging")


async def test_f20_no_request_depends_on_the_process_that_answered_an_earlier_one(
    replicas: tuple[FastAPI, FastAPI], servers: LocalServers, tmp_path: Path
) -> None:
    data = write_series(tmp_path)[0].read_bytes()
    parts = chunks_of(data)
    user_id = uuid4()
    async with caller(replicas[0], servers, user_id) as one, caller(replicas[1], servers, user_id) as other:
        announced = await one.post(
            "/api/training/uploads", json={"fileName": "load.csv", "size": len(data), "totalChunks": len(parts)}
        )
        upload_id = announced.json()["uploadId"]
        for index, part in reversed(list(enumerate(parts))):
            answer = await send((one, other)[index % 2], upload_id, "load.csv", index, len(parts), part)
            assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "completed"
        created = await other.post("/api/training/create-database-session", json={"uploadId": upload_id})
        session_id = created.json()["sessionId"]
        files = (await one.get(f"/api/training/sessions/{session_id}/files")).json()["items"]
        assert [file["sha256"] for file in files] == [hashlib.sha256(data).hexdigest()]


async def test_the_last_chunks_arriving_together_through_both_replicas_complete_the_file_once(
    replicas: tuple[FastAPI, FastAPI], servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    data = write_series(tmp_path)[0].read_bytes()
    parts = chunks_of(data)
    user_id, upload_id = uuid4(), uuid4().hex
    async with caller(replicas[0], servers, user_id) as one, caller(replicas[1], servers, user_id) as other:
        answers = await asyncio.gather(
            *(
                send(replica, upload_id, "load.csv", index, len(parts), part)
                for index, part in enumerate(parts)
                for replica in (one, other)
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    assert any(answer.json()["status"] == "completed" for answer in answers)
    async with database.transaction() as transaction:
        row = await transaction.fetch_row("select raw, status from uploads where upload_id = $1", upload_id)
    assert row is not None
    assert row["raw"]["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_chunk_for_an_upload_that_was_removed_meanwhile_is_not_found_and_its_bytes_are_swept(
    client: httpx.AsyncClient, servers: LocalServers, database: Database
) -> None:
    before = staged_files(servers)
    kept, removed = uuid4().hex, uuid4().hex
    for upload_id in (kept, removed):
        assert (await send(client, upload_id, "x.csv", 0, 3, b"time;a\n")).status_code == 200
    async with database.transaction() as transaction:
        upload = await transaction.fetch_row("select * from uploads where upload_id = $1", removed)
        await transaction.execute("delete from uploads where upload_id = $1", removed)
    assert upload is not None
    store = LocalStore(servers.data_directory / "objects", public_url="http://test", signing_secret="s")
    with pytest.raises(ProblemError) as refused:
        await receive_chunk(database, store, upload, 1, b"late", "0" * 64, Limits.of(settings_for(servers)))
    assert refused.value.problem.status == 404
    assert len(staged_files(servers) - before) == 2, "the first chunks of both; the late one is not kept"
    await sweep_staging(database, store)
    assert len(staged_files(servers) - before) == 1, "the chunk of the upload that is there"


async def test_f04_what_a_file_is_does_not_depend_on_its_first_chunk(client: httpx.AsyncClient, tmp_path: Path) -> None:
    data = write_series(tmp_path, hours=24 * 10)[0].read_bytes()
    parts, upload_id = chunks_of(data), uuid4().hex
    assert len(parts) > 2
    for index in [*range(1, len(parts)), 0]:
        answer = await send(client, upload_id, "load.csv", index, len(parts), parts[index])
        assert answer.status_code == 200, answer.text
        assert answer.json()["fileName"] == "load.csv"
        assert answer.json()["totalChunks"] == len(parts)
    assert answer.json()["status"] == "completed"


async def test_f17_f18_files_of_one_name_are_apart_and_neither_takes_the_others_place(
    client: httpx.AsyncClient, servers: LocalServers, tmp_path: Path
) -> None:
    load, temperature = (file.read_bytes() for file in write_series(tmp_path, hours=48))
    ids = [(await upload(client, "same.csv", data))[0] for data in (load, temperature)]
    roles = [{"uploadId": ids[0], "fileType": "output"}, {"uploadId": ids[1], "fileType": "input"}]
    made = await client.post("/api/training/create-database-session", json={"files": roles})
    path = f"/api/training/sessions/{made.json()['sessionId']}"
    files = (await client.get(f"{path}/files")).json()["items"]
    assert {(file["fileName"], file["fileType"], file["sha256"]) for file in files} == {
        ("same.csv", "output", hashlib.sha256(load).hexdigest()),
        ("same.csv", "input", hashlib.sha256(temperature).hexdigest()),
    }
    other_id, _ = await upload(client, "same.csv", load)
    other = await client.post("/api/training/create-database-session", json={"uploadId": other_id})
    assert (await client.delete(path)).status_code == 202

    async def gone() -> bool:
        return bool((await client.get(f"{path}/deletion")).json()["status"] == "deleted")

    await until(gone, what="the first session and its files are gone")
    kept = []
    for raw in (path for path in files_below(servers.data_directory / "objects") if path.name == "raw.csv"):
        with suppress(FileNotFoundError):  # another test's session is being deleted
            kept.append(raw.read_bytes())
    assert load in kept, "of the same content, the other session's file stays"
    assert (await client.get(f"/api/training/sessions/{other.json()['sessionId']}/files")).json()["items"]


async def test_f18_other_bytes_for_a_file_that_is_whole_are_refused_and_the_same_ones_are_not(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    data = write_series(tmp_path, hours=24)[0].read_bytes()
    upload_id, _ = await upload(client, "load.csv", data)
    for _ in range(2):
        again = await send(client, upload_id, "load.csv", 0, 1, data)
        assert (again.status_code, again.json()["status"]) == (200, "completed")
        changed = await send(client, upload_id, "load.csv", 0, 1, data.replace(b"load", b"heat"))
        assert changed.status_code == 409
        assert "other content" in changed.json()["title"]
        await client.post("/api/training/create-database-session", json={"uploadId": upload_id})


async def test_a_wrong_chunk_is_refused_by_name_and_the_others_stay(client: httpx.AsyncClient) -> None:
    upload_id = uuid4().hex
    assert (await send(client, upload_id, "x.csv", 0, 3, b"time;a\n")).status_code == 200
    outside = await send(client, upload_id, "x.csv", 7, 3, b"x")
    assert outside.status_code == 422
    assert "7" in outside.json()["detail"]
    other = await send(client, upload_id, "x.csv", 0, 3, b"something else")
    assert other.status_code == 409
    wrong = await client.post(
        "/api/training/upload-chunk",
        data={
            "uploadId": upload_id,
            "chunkIndex": "1",
            "totalChunks": "3",
            "fileName": "x.csv",
            "chunkSha256": "0" * 64,
        },
        files={"chunk": ("x.csv", b"1")},
    )
    assert wrong.status_code == 422
    state = (await client.get(f"/api/training/upload-status/{upload_id}")).json()
    assert (state["received"], state["missing"]) == ([0], [1, 2])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "PNG"),
        ("binary.csv", bytes(range(256)) * 20, ""),
    ],
)
async def test_what_is_no_csv_gets_a_problem_that_says_so_and_leaves_nothing(
    client: httpx.AsyncClient, servers: LocalServers, name: str, data: bytes, said: str
) -> None:
    before = staged_files(servers)
    _, answer = await upload(client, name, data)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["category"] == "DATA_VALIDATION"
    assert name in problem["detail"] + problem["title"] + problem["user_message"]
    assert said in problem["detail"] + problem["title"]
    assert problem["recovery"]
    assert staged_files(servers) <= before


async def test_a_configuration_with_an_unknown_column_names_those_that_exist_and_the_session_stays_usable(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    ids = [(await upload(client, file.name, file.read_bytes()))[0] for file in write_series(tmp_path)]
    created = await client.post("/api/training/create-database-session", json={"uploadIds": ids})
    assert created.status_code == 201, created.text
    path = f"/api/training/sessions/{created.json()['sessionId']}/configuration"
    document = configuration()
    document["series"][0]["value_column"] = "laod"
    refused = await client.put(path, json=document)
    assert refused.status_code == 422
    assert "laod" in refused.json()["detail"]
    assert "load" in refused.json()["detail"]
    assert "load" in refused.json()["recovery"][0]
    assert (await client.put(path, json=configuration())).status_code == 200


async def test_f31_a_retried_creation_makes_one_session(client: httpx.AsyncClient, tmp_path: Path) -> None:
    upload_id, _ = await upload(client, "load.csv", write_series(tmp_path)[0].read_bytes())
    key = {"Idempotency-Key": uuid4().hex}
    body = {"uploadId": upload_id}
    answers = await asyncio.gather(
        *(client.post("/api/training/create-database-session", json=body, headers=key) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    answers.append(await client.post("/api/training/create-database-session", json=body, headers=key))
    assert len({answer.json()["sessionId"] for answer in answers if answer.status_code == 201}) == 1
    again = await client.post("/api/training/create-database-session", json=body)
    assert again.status_code == 409, "without the key it is another request, and the upload is taken"
    assert len((await client.get("/api/training/sessions")).json()["items"]) == 1


async def test_sessions_are_listed_newest_first_in_pages_renamed_and_deleted(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    data = write_series(tmp_path, hours=48)[0].read_bytes()
    made = []
    for _ in range(3):
        upload_id, _ = await upload(client, "load.csv", data)
        created = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
        made.append(created.json()["sessionId"])
    first = (await client.get("/api/training/sessions", params={"limit": 2})).json()
    second = (await client.get("/api/training/sessions", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [item["sessionId"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["nextCursor"] is None
    renamed = await client.patch(f"/api/training/sessions/{made[0]}", json={"name": "winter"})
    assert renamed.json()["name"] == "winter"
    assert (await client.delete(f"/api/training/sessions/{made[0]}")).status_code == 202
    assert (await client.get(f"/api/training/sessions/{made[0]}")).status_code == 404
