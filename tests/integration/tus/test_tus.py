"""tus-js-client and tuspy, as they are published: through two replicas, over breaks and pauses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage

from foretide.stack.servers import LocalServers
from tests.integration.tus.conftest import LARGEST, Behind
from tests.integration.tus.exchange import (
    begin,
    offset_of,
    sha256,
    staged,
    stored_sha256,
)
from tests.integration.tus.tus_js import CHUNK, DATA, of, path_of, uploaded_by_tus_js

pytestmark = pytest.mark.integration


class TestTusJs:
    """tus-js-client in Node, as Uppy uses it in browsers."""

    async def test_f20_a_file_in_many_requests_through_two_replicas(
        self, client: httpx.AsyncClient, behind: Behind, file: Path
    ) -> None:
        told = await uploaded_by_tus_js(client, file)
        assert told[-1]["event"] == "success"
        assert told[-1]["url"].startswith(behind.endpoint), "the address that the client can reach, not a replica's"
        assert len(of(told, "accepted")) == -(-len(DATA) // CHUNK) > 8
        for answer in of(told, "answer"):
            assert answer["version"] == "1.0.0"
            assert answer["expires"].endswith(" GMT")
        assert await stored_sha256(client, path_of(told)) == sha256(DATA)

    @pytest.mark.parametrize(
        "options",
        [
            {"chunkSize": None},
            {"uploadDataDuringCreation": True},
            {"uploadDataDuringCreation": True, "chunkSize": None},
            {"overridePatchMethod": True},
        ],
        ids=["in one request", "creation with upload", "all of it with the creation", "POST for PATCH"],
    )
    async def test_a_file_in_the_ways_that_the_client_knows(
        self, client: httpx.AsyncClient, file: Path, options: dict[str, object]
    ) -> None:
        told = await uploaded_by_tus_js(client, file, **options)
        assert told[-1]["event"] == "success", told[-1]
        assert await stored_sha256(client, path_of(told)) == sha256(DATA)

    async def test_an_upload_is_paused_and_resumed(self, client: httpx.AsyncClient, file: Path) -> None:
        told = await uploaded_by_tus_js(client, file, pauseAt=3 * CHUNK, retryDelays=[0, 100, 500])
        paused = told.index({"event": "paused"})
        assert of(told[:paused], "accepted")[-1]["bytes"] == 3 * CHUNK
        asked = of(told[paused:], "answer")[0]
        assert (asked["method"], asked["status"]) == ("HEAD", 200)
        assert asked["offset"] >= 3 * CHUNK
        assert told[-1]["event"] == "success"
        assert await stored_sha256(client, path_of(told)) == sha256(DATA)

    async def test_a_page_that_was_closed_resumes_when_it_is_opened_again(
        self, client: httpx.AsyncClient, file: Path, tmp_path: Path
    ) -> None:
        remember = str(tmp_path / "uploads.json")
        closed = await uploaded_by_tus_js(client, file, leaveAt=4 * CHUNK, remember=remember)
        assert not of(closed, "success")
        told = await uploaded_by_tus_js(client, file, remember=remember)
        assert told[0] == {"event": "found", "url": of(closed, "url")[0]["url"]}
        assert of(told, "answer")[0]["method"] == "HEAD"
        assert of(told, "answer")[0]["offset"] >= 4 * CHUNK
        assert told[-1]["event"] == "success"
        assert await stored_sha256(client, path_of(told)) == sha256(DATA)

    async def test_an_upload_is_given_up(self, client: httpx.AsyncClient, servers: LocalServers, file: Path) -> None:
        before = staged(servers)
        told = await uploaded_by_tus_js(client, file, terminateAt=2 * CHUNK)
        assert told[-1]["event"] == "terminated"
        assert staged(servers) <= before
        assert (await client.head(path_of(told))).status_code == 404

    async def test_a_file_too_large_is_refused_with_a_problem(self, client: httpx.AsyncClient, tmp_path: Path) -> None:
        large = tmp_path / "large.csv"
        with large.open("wb") as written:
            written.truncate(LARGEST + 1)
        told = await uploaded_by_tus_js(client, large)
        assert told[-1]["event"] == "error"
        assert told[-1]["status"] == 413
        assert "large.csv" in json.loads(told[-1]["body"])["detail"]

    async def test_a_file_that_is_no_csv_is_refused_with_a_problem(
        self, client: httpx.AsyncClient, servers: LocalServers, tmp_path: Path
    ) -> None:
        before = staged(servers)
        picture = tmp_path / "picture.csv"
        picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(CHUNK))
        told = await uploaded_by_tus_js(client, picture)
        assert told[-1]["event"] == "error"
        assert told[-1]["status"] == 422
        assert "PNG" in told[-1]["body"]
        assert staged(servers) <= before

    async def test_another_users_upload_is_not_resumed(
        self, client: httpx.AsyncClient, behind: Behind, file: Path
    ) -> None:
        path = await begin(client, len(DATA))
        async with behind.client() as stranger:
            told = await uploaded_by_tus_js(stranger, file, uploadUrl=f"{behind.url}{path}", endpoint=None)
        assert told[-1]["event"] == "error"
        assert told[-1]["status"] == 404
        assert await offset_of(client, path) == 0


class TestTuspy:
    """The Python client."""

    async def test_a_file_with_checksums_is_stopped_and_resumed_by_another_process(
        self, client: httpx.AsyncClient, behind: Behind, file: Path, tmp_path: Path
    ) -> None:
        tus = TusClient(behind.endpoint, headers={"Authorization": client.headers["Authorization"]})
        options: dict[str, Any] = {
            "chunk_size": CHUNK,
            "upload_checksum": True,
            "metadata": {"filename": "load.csv"},
            "store_url": True,
        }

        def upload(stop_at: int | None) -> tuple[int, str]:
            storage = FileStorage(str(tmp_path / "tuspy.json"))
            try:
                uploader = tus.uploader(str(file), url_storage=storage, **options)
                begins_at = uploader.offset
                uploader.upload(stop_at=stop_at)
            finally:
                storage.close()
            return begins_at, uploader.url

        assert (await asyncio.to_thread(upload, 3 * CHUNK))[0] == 0
        begins_at, url = await asyncio.to_thread(upload, None)
        assert begins_at == 3 * CHUNK
        assert await stored_sha256(client, httpx.URL(url).path) == sha256(DATA)

    async def test_a_wrong_checksum_is_told_and_the_right_bytes_are_taken(
        self, client: httpx.AsyncClient, behind: Behind, file: Path
    ) -> None:
        tus = TusClient(behind.endpoint, headers={"Authorization": client.headers["Authorization"]})
        uploader = tus.uploader(str(file), chunk_size=CHUNK, upload_checksum=True)
        await asyncio.to_thread(uploader.upload_chunk)
        tus.set_headers({"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="})
        uploader.upload_checksum = False
        with pytest.raises(TusUploadFailed) as refused:
            await asyncio.to_thread(uploader.upload_chunk)
        assert refused.value.status_code == 460
        path = httpx.URL(uploader.url).path
        assert await offset_of(client, path) == CHUNK
        del tus.headers["Upload-Checksum"]
        uploader.upload_checksum = True
        await asyncio.to_thread(uploader.upload)
        assert await stored_sha256(client, path) == sha256(DATA)

    async def test_a_wrong_offset_is_a_conflict(self, client: httpx.AsyncClient, behind: Behind, file: Path) -> None:
        tus = TusClient(behind.endpoint, headers={"Authorization": client.headers["Authorization"]})
        uploader = tus.uploader(str(file), chunk_size=CHUNK)
        await asyncio.to_thread(uploader.upload_chunk)
        uploader.offset = CHUNK // 2
        with pytest.raises(TusUploadFailed) as refused:
            await asyncio.to_thread(uploader.upload_chunk)
        assert refused.value.status_code == 409
        assert await offset_of(client, httpx.URL(uploader.url).path) == CHUNK

    async def test_a_file_too_large_is_refused(self, client: httpx.AsyncClient, behind: Behind, tmp_path: Path) -> None:
        large = tmp_path / "large.csv"
        with large.open("wb") as written:
            written.truncate(LARGEST + 1)
        tus = TusClient(behind.endpoint, headers={"Authorization": client.headers["Authorization"]})
        with pytest.raises(TusCommunicationError) as refused:
            await asyncio.to_thread(tus.uploader(str(large), chunk_size=CHUNK).upload)
        assert refused.value.status_code == 413
