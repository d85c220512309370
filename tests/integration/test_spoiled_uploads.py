"""Files that are no CSV, or no longer, sent over HTTP: a clear problem, `file.rejected`, and nothing left of them."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from shared.database.pool import Database
from tests.files import files_below
from tests.integration.apps import caller, running, settings_for
from tests.waiting import until

pytestmark = pytest.mark.integration

ROWS = b"".join(b"2024-01-13 %02d:00;%d,5\n" % (hour, hour) for hour in range(24))
CHUNK = 4 * 1024 * 1024


def _zipped(member: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(member, "time,load\n2024-01-01,1\n")
    return memory.getvalue()


async def send(client: httpx.AsyncClient, data: bytes, *, name: str = "load.csv") -> tuple[str, httpx.Response]:
    upload_id = uuid4().hex
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    for index, chunk in enumerate(chunks):
        form = {"uploadId": upload_id, "chunkIndex": str(index), "totalChunks": str(len(chunks)), "fileName": name}
        answer = await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("chunk", chunk)})
    return upload_id, answer


def objects(servers: LocalServers) -> set[Path]:
    return files_below(servers.data_directory / "objects")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(500), "This is a PNG image", id="PNG"),
        pytest.param(_zipped("load.csv"), "This is a ZIP archive", id="ZIP"),
        pytest.param(_zipped("xl/workbook.xml"), "This is an Excel workbook", id="Excel"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "This is an old Excel", id="old Excel"),
        pytest.param(b"<!DOCTYPE html><html>Sign in</html>", "This is an HTML page", id="HTML"),
        pytest.param(gzip.compress(ROWS), "This is a GZIP archive", id="GZIP"),
        pytest.param(bytes(5000), "This is binary data", id="NUL bytes"),
        pytest.param(b"time;load\n" + ROWS[:-10], "A row does not fit the others", id="truncated"),
        pytest.param(b"time;load\n" + ROWS + b"2024-01-14;1;2\n", "A row does not fit the others", id="ragged"),
        pytest.param("time;°C\n".encode() + ROWS + b"2024-01-14;\xb0\n", "mixes encodings", id="another encoding"),
        pytest.param(b"x" * 10_000_000, "A line of the file is too long", id="ten megabytes in a line"),
        pytest.param(b"time;load\n" + ROWS + b'2024-01-14;"' + b"x\n" * 200_000, "too long", id="an open quote"),
    ],
)
async def test_it_is_refused_told_to_everyone_and_gone(
    client: httpx.AsyncClient, servers: LocalServers, database: Database, data: bytes, said: str
) -> None:
    before = objects(servers)
    upload_id, answer = await send(client, data)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert said in problem["title"]
    assert "'load.csv'" in problem["detail"]
    assert problem["recovery"]
    async with database.transaction() as transaction:
        told = await transaction.fetch_row(
            "select routing_key, envelope from outbox where envelope ->> 'subject' = $1", upload_id
        )
    assert told is not None
    assert told["routing_key"] == "file.rejected"
    assert told["envelope"]["data"]["problem"]["title"] == problem["title"]
    await until(lambda: objects(servers) <= before, what="nothing left of it")
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..\\..\\x.csv", "/dev/null", "%2e%2e%2f.csv", "."])
async def test_f08_file_names_are_data_never_paths(client: httpx.AsyncClient, servers: LocalServers, name: str) -> None:
    before = objects(servers)
    upload_id, answer = await send(client, b"time;load\n" + ROWS, name=name)
    assert answer.status_code == 200, answer.text
    made = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
    files = (await client.get(f"/api/training/sessions/{made.json()['sessionId']}/files")).json()["items"]
    assert [file["fileName"] for file in files] == [name]
    kept = {path.name for path in objects(servers) - before if path.suffix in (".csv", ".parquet")}
    assert kept == {"raw.csv", "canonical.parquet"}


async def test_f22_a_file_beyond_the_limit_is_refused_before_it_is_kept(
    servers: LocalServers,
) -> None:
    settings = settings_for(servers, max_file_bytes=1024)
    async with running(create_app(settings)) as small, caller(small, servers) as client:
        announced = await client.post(
            "/api/training/uploads", json={"fileName": "load.csv", "size": 1025, "totalChunks": 1}
        )
        assert announced.status_code == 413
        _, sent = await send(client, b"x" * 1025)
        assert sent.status_code == 413
        assert "1024" in sent.json()["detail"]
