"""Every uploaded file is scanned by a real clamd before it is read; nothing infected and nothing unscanned gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.upload.app import create_app
from services.upload.scanning import VirusScanner
from shared.database.pool import Database
from shared.problems import Category, ProblemError
from tests.files import files_below
from tests.integration.apps import caller, running, settings_for
from tests.integration.clamav import MARKER, SIGNATURE, STREAM_LIMIT, ClamAv, running_clamd
from tests.integration.forecasts import stored_keys, upload
from tests.ports import free_port

pytestmark = pytest.mark.integration

CLEAN = b"time;load\n2024-01-13 00:00;1\n2024-01-13 01:00;2\n"
INFECTED = CLEAN + b"2024-01-13 02:00;" + MARKER + b"\n"


@pytest.fixture(scope="module")
async def clamd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClamAv]:
    async with running_clamd(tmp_path_factory.mktemp("clamav")) as running:
        yield running


@pytest.fixture(params=["tcp", "unix"])
def scanner(clamd: ClamAv, request: pytest.FixtureRequest) -> VirusScanner:
    return VirusScanner(getattr(clamd, request.param))


@pytest.mark.parametrize("content", [CLEAN, b"", b"x" * (STREAM_LIMIT - 1)])
async def test_a_clean_file_passes(scanner: VirusScanner, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    await scanner.refuse_infected(path, "load.csv")


@pytest.mark.parametrize("before", [b"", b"1;2\n" * 300_000])
async def test_an_infected_file_is_refused_with_the_name_of_what_was_found(
    scanner: VirusScanner, tmp_path: Path, before: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(before + INFECTED)
    with pytest.raises(ProblemError) as refused:
        await scanner.refuse_infected(path, "load.csv")
    assert refused.value.problem.category == Category.DATA_VALIDATION
    assert "'load.csv'" in refused.value.problem.detail
    assert SIGNATURE in refused.value.problem.detail
    assert not refused.value.retryable


async def test_a_file_beyond_the_scanners_limit_is_refused_not_waved_through(
    scanner: VirusScanner, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (20 * STREAM_LIMIT))
    with pytest.raises(ProblemError) as refused:
        await scanner.refuse_infected(path, "load.csv")
    assert refused.value.problem.status == 413
    assert not refused.value.retryable


async def test_a_scanner_that_is_away_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CLEAN)
    for url in (f"tcp://127.0.0.1:{free_port()}", f"unix://{tmp_path}/nothing.sock"):
        with pytest.raises(ProblemError) as refused:
            await VirusScanner(url).refuse_infected(path, "load.csv")
        assert refused.value.retryable
        assert refused.value.problem.status == 503


async def send(client: httpx.AsyncClient, upload_id: str, data: bytes) -> httpx.Response:
    form = {"uploadId": upload_id, "chunkIndex": "0", "totalChunks": "1", "fileName": "load.csv"}
    return await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("load.csv", data)})


def objects(servers: LocalServers) -> set[Path]:
    return files_below(servers.data_directory / "objects")


async def test_an_infected_upload_is_rejected_and_nothing_of_it_is_kept(
    clamd: ClamAv, servers: LocalServers, database: Database
) -> None:
    upload_id, before = uuid4().hex, objects(servers)
    async with (
        running(create_app(settings_for(servers, clamav_url=clamd.tcp))) as application,
        caller(application, servers) as client,
    ):
        refused = await send(client, upload_id, INFECTED)
        assert refused.status_code == 422
        assert refused.json()["title"] == "The file is infected"
        assert (await send(client, uuid4().hex, CLEAN)).json()["status"] == "completed"
    async with database.transaction() as transaction:
        told = await transaction.fetch_row(
            "select routing_key, envelope from outbox where envelope ->> 'subject' = $1", upload_id
        )
    assert told is not None
    assert told["routing_key"] == "file.rejected"
    assert told["envelope"]["data"]["problem"]["title"] == "The file is infected"
    assert not [path for path in objects(servers) - before if MARKER in path.read_bytes()]


async def test_an_infected_file_to_forecast_is_refused_and_nothing_of_it_is_kept(
    clamd: ClamAv, servers: LocalServers
) -> None:
    user_id = uuid4()
    async with (
        running(create_app(settings_for(servers, clamav_url=clamd.tcp))) as application,
        caller(application, servers, user_id) as client,
    ):
        refused = await upload(client, INFECTED)
        assert (refused.status_code, refused.json()["title"]) == (422, "The file is infected")
        assert await stored_keys(servers, user_id) == set()
        assert (await upload(client, CLEAN)).status_code == 201


async def test_an_upload_waits_for_a_scanner_that_is_away(servers: LocalServers, tmp_path: Path) -> None:
    upload_id, user_id = uuid4().hex, uuid4()
    away = settings_for(servers, clamav_url=f"tcp://127.0.0.1:{free_port()}")
    async with running(create_app(away)) as application, caller(application, servers, user_id) as client:
        refused = await send(client, upload_id, CLEAN)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
    async with running_clamd(tmp_path) as clamd:
        back = settings_for(servers, clamav_url=clamd.unix)
        async with running(create_app(back)) as application, caller(application, servers, user_id) as client:
            assert (await send(client, upload_id, CLEAN)).json()["status"] == "completed"
