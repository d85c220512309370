"""A person corrects how a file was read: over HTTP, through any replica, without a trace of the reading before."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from shared.database.pool import Database
from tests.integration.apps import caller, running, settings_for

pytestmark = pytest.mark.integration

EITHER = b"time,load\n03/04/2024,1\n04/04/2024,2\n05/04/2024,3\n06/04/2024,4\n"
LOCAL = b"time;load\n13.07.2024 12:00;1\n13.07.2024 13:00;2\n"


@pytest.fixture(scope="module")
async def replicas(servers: LocalServers) -> AsyncIterator[tuple[FastAPI, FastAPI]]:
    """Two upload replicas that share nothing but the servers."""
    settings = settings_for(servers)
    async with running(create_app(settings)) as one, running(create_app(settings)) as other:
        yield one, other


@pytest.fixture
async def clients(
    replicas: tuple[FastAPI, FastAPI], servers: LocalServers
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """One user, at both replicas."""
    user_id = uuid4()
    async with caller(replicas[0], servers, user_id) as one, caller(replicas[1], servers, user_id) as other:
        yield one, other


@dataclass(frozen=True)
class Uploaded:
    """A session with one file."""

    session_id: str
    file_id: str
    storage_path: str
    canonical_root: Path

    @property
    def path(self) -> str:
        return f"/api/training/sessions/{self.session_id}/files/{self.file_id}/analysis"

    def copies(self) -> list[Path]:
        """The canonical copies that the store has of it."""
        return [*self.canonical_root.glob("canonical*.parquet")]

    def times(self) -> list[str]:
        (copy,) = self.copies()
        return pl.read_parquet(io.BytesIO(copy.read_bytes()))["time"].dt.strftime("%Y-%m-%d %H:%M").to_list()


async def send(client: httpx.AsyncClient, data: bytes, **announced: Any) -> httpx.Response:
    body = {"fileName": "load.csv", "size": len(data), "totalChunks": 1, **announced}
    upload_id = (await client.post("/api/training/uploads", json=body)).json()["uploadId"]
    form = {"uploadId": upload_id, "chunkIndex": "0", "totalChunks": "1", "fileName": "load.csv"}
    return await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("load.csv", data)})


@pytest.fixture
def upload(servers: LocalServers, database: Database, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> Any:
    """Upload a file and make a session of it."""

    async def uploaded(data: bytes, **announced: Any) -> Uploaded:
        answer = await send(clients[0], data, **announced)
        assert answer.status_code == 200, answer.text
        created = await clients[0].post(
            "/api/training/create-database-session", json={"uploadId": answer.json()["uploadId"]}
        )
        session_id = created.json()["sessionId"]
        async with database.transaction() as transaction:
            row = await transaction.fetch_row("select * from training_files where session_id = $1", session_id)
        assert row is not None
        folder = servers.data_directory / "objects" / "training-files" / Path(row["storage_path"]).parent
        return Uploaded(session_id, str(row["id"]), row["storage_path"], folder)

    return uploaded


async def test_f13_the_order_of_day_and_month_is_corrected_and_the_copy_replaced(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any, database: Database
) -> None:
    one, other = clients
    file = await upload(EITHER)
    before = (await one.get(file.path)).json()
    (ambiguity,) = [entry for entry in before["ambiguities"] if entry["subject"] == "day_month"]
    assert (ambiguity["choice"], ambiguity["alternatives"]) == ("dd/mm/yyyy", ["mm/dd/yyyy"])
    assert len(before["preview"]) == 4
    assert file.times()[0] == "2024-04-03 00:00"

    answer = await other.put(file.path, json={"dayFirst": False})
    assert answer.status_code == 200, answer.text
    assert answer.json() == (await one.get(file.path)).json()
    assert answer.json()["overrides"]["day_first"] is False
    assert file.times() == ["2024-03-04 00:00", "2024-04-04 00:00", "2024-05-04 00:00", "2024-06-04 00:00"]
    async with database.transaction() as transaction:
        told = await transaction.fetch(
            "select envelope -> 'data' as data from outbox where envelope ->> 'subject' = $1 order by position",
            file.session_id,
        )
    uploaded = [row["data"] for row in told if "file_id" in row["data"]]
    assert [data["first_time"] for data in uploaded] == ["2024-04-03T00:00:00Z", "2024-03-04T00:00:00Z"]
    assert uploaded[1]["canonical"]["sha256"] != uploaded[0]["canonical"]["sha256"]
    assert [entry["subject"] for entry in uploaded[0]["analysis"]["ambiguities"]] == ["day_month", "timezone"]


async def test_the_same_overrides_again_change_nothing(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any
) -> None:
    file = await upload(EITHER)
    first = await clients[0].put(file.path, json={"dayFirst": False})
    (copy,) = file.copies()
    written = copy.stat().st_mtime_ns
    second = await clients[1].put(file.path, json={"dayFirst": False})
    assert second.json() == first.json()
    assert [entry.stat().st_mtime_ns for entry in file.copies()] == [written]


async def test_overrides_at_the_same_time_leave_one_whole_reading(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any
) -> None:
    file = await upload(EITHER)
    asked = [{"dayFirst": True}, {"dayFirst": False}, {"timezone": "Europe/Vienna"}, {"dayFirst": False}]
    answers = await asyncio.gather(*(clients[place % 2].put(file.path, json=body) for place, body in enumerate(asked)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)
    analysis = (await clients[0].get(file.path)).json()
    assert [answer.json()["overrides"] for answer in answers if answer.status_code == 200].count(analysis["overrides"])
    assert file.times()[0] == analysis["first_time"].replace("T", " ")[:16]


async def test_a_zone_is_given_with_the_upload_or_afterwards(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any
) -> None:
    with_upload = await upload(LOCAL, overrides={"timezone": "Europe/Vienna"})
    analysis = (await clients[0].get(with_upload.path)).json()
    assert (analysis["timezone"], analysis["timezone_source"]) == ("Europe/Vienna", "given")
    assert with_upload.times() == ["2024-07-13 10:00", "2024-07-13 11:00"]
    afterwards = await upload(LOCAL)
    assert afterwards.times() == ["2024-07-13 12:00", "2024-07-13 13:00"]
    answer = await clients[0].put(afterwards.path, json={"timezone": "Europe/Vienna"})
    assert answer.json()["timezone_source"] == "given"
    assert afterwards.times() == with_upload.times()


async def test_a_file_that_would_be_rejected_gets_in_with_overrides(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any
) -> None:
    data = b"when,load\n3 Apr 2024,1\n4 Apr 2024,2\n"
    refused = await send(clients[0], data)
    assert refused.status_code == 422
    assert refused.json()["title"] == "The file has no column of times"
    file = await upload(data, overrides={"timeFormat": "%d %b %Y"})
    assert file.times() == ["2024-04-03 00:00", "2024-04-04 00:00"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dayFirst": False, "timeColumn": 1}, "time' as dd/mm/yyyy"),
        ({"delimiter": ";"}, "load.csv"),
        ({"delimiter": "x"}, "delimiter"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"monthFirst": True}, "monthFirst"),
    ],
)
async def test_overrides_that_do_not_fit_are_refused_and_all_stays_as_it_was(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any, body: dict[str, Any], said: str
) -> None:
    file = await upload(EITHER)
    before, (copy,) = (await clients[0].get(file.path)).json(), file.copies()
    refused = await clients[0].put(file.path, json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert said in refused.json()["detail"]
    assert (await clients[0].get(file.path)).json() == before
    assert file.copies() == [copy]


@pytest.mark.parametrize("status", ["generating", "training"])
async def test_a_session_at_work_keeps_its_files(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any, database: Database, status: str
) -> None:
    file = await upload(EITHER)
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_sessions set status = $2 where session_id = $1", file.session_id, status
        )
    refused = await clients[0].put(file.path, json={"dayFirst": False})
    assert refused.status_code == 409
    assert status in refused.json()["detail"]
    assert file.times()[0] == "2024-04-03 00:00"


async def test_datasets_come_before_training_once_a_file_was_read_anew(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], upload: Any, database: Database
) -> None:
    file = await upload(EITHER)
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_sessions set status = 'generated', configuration = '{}' where session_id = $1",
            file.session_id,
        )
    assert (await clients[0].put(file.path, json={"dayFirst": False})).status_code == 200
    session = (await clients[0].get(f"/api/training/sessions/{file.session_id}")).json()
    assert session["status"] == "configured"


async def test_nobody_overrides_what_is_somebody_elses(
    replicas: tuple[FastAPI, FastAPI], servers: LocalServers, upload: Any
) -> None:
    file = await upload(EITHER)
    async with caller(replicas[0], servers) as stranger:
        for answer in (await stranger.put(file.path, json={"dayFirst": False}), await stranger.get(file.path)):
            assert answer.status_code == 404
    assert file.times()[0] == "2024-04-03 00:00"
