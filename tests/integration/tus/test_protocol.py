"""tus 1.0.0 exchange by exchange, through a gateway that sends each request to another replica."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.upload.tus import receiving
from tests.files import files_below
from tests.integration.tus.conftest import LARGEST, Behind
from tests.integration.tus.exchange import (
    BODY,
    MEBIBYTE,
    PATH,
    append,
    begin,
    checksum,
    metadata,
    offset_of,
    series,
    sha256,
    staged,
    stored_sha256,
)

pytestmark = pytest.mark.integration

DATA = series(300_000)
LONG = series(10 * MEBIBYTE)


async def test_f20_each_request_may_reach_another_replica(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA))
    for start in range(0, len(DATA), 50_000):
        assert await offset_of(client, path) == start
        answer = await append(client, path, start, DATA[start : start + 50_000])
        assert (answer.status_code, answer.text) == (204, "")
        assert int(answer.headers["Upload-Offset"]) == min(start + 50_000, len(DATA))
    assert await offset_of(client, path) == len(DATA)
    assert await stored_sha256(client, path) == sha256(DATA)


async def test_a_request_larger_than_one_part_is_one_file(client: httpx.AsyncClient, servers: LocalServers) -> None:
    before = staged(servers)
    path = await begin(client, len(LONG), filename="long.csv")
    answer = await append(client, path, 0, LONG)
    assert int(answer.headers["Upload-Offset"]) == len(LONG) > 2 * receiving.PART_BYTES
    assert await stored_sha256(client, path) == sha256(LONG)
    assert staged(servers) <= before, "the parts of a file that is whole are removed"


async def test_creation_with_upload_begins_with_what_it_brings(client: httpx.AsyncClient) -> None:
    headers = {"Upload-Length": str(len(DATA)), "Upload-Metadata": metadata(filename="load.csv"), **BODY}
    created = await client.post(PATH, content=DATA[:1000], headers={**headers, **checksum(DATA[:1000])})
    assert created.status_code == 201, created.text
    assert created.headers["Upload-Offset"] == "1000"
    path = created.headers["Location"]
    assert (await append(client, path, 1000, DATA[1000:])).status_code == 204
    assert await stored_sha256(client, path) == sha256(DATA)


async def test_the_capabilities_are_told_to_clients_of_every_version(client: httpx.AsyncClient) -> None:
    answer = await client.options(PATH, headers={"Tus-Resumable": "0.2.2"})
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "checksum",
        "termination",
    }
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert answer.headers["Tus-Max-Size"] == str(LARGEST)


async def test_what_is_no_tus_is_refused_and_every_answer_names_the_version(client: httpx.AsyncClient) -> None:
    path = await begin(client, 10)
    bytes_at = {"Upload-Offset": "0", **BODY}
    asked = [
        (412, client.post(PATH, headers={"Upload-Length": "10", "Tus-Resumable": "0.2.2"})),
        (412, client.patch(path, content=b"x", headers={**bytes_at, "Tus-Resumable": ""})),
        (400, client.post(PATH)),
        (400, client.post(PATH, headers={"Upload-Defer-Length": "1"})),
        (400, client.post(PATH, headers={"Upload-Length": "-1"})),
        (400, client.post(PATH, headers={"Upload-Length": "10", "Upload-Metadata": "filename %%%"})),
        (415, client.post(PATH, content=b"x", headers={"Upload-Length": "10", "Content-Type": "text/csv"})),
        (415, client.patch(path, content=b"x", headers={"Upload-Offset": "0", "Content-Type": "text/csv"})),
        (400, client.patch(path, content=b"x", headers=BODY)),
        (400, client.patch(path, content=b"x", headers={**bytes_at, "Upload-Checksum": "crc1 AAAA"})),
        (404, client.patch(PATH + uuid4().hex, content=b"x", headers=bytes_at)),
        (404, client.head(PATH + uuid4().hex)),
        (404, client.delete(PATH + "..%2f..%2fuploads")),
        (405, client.get(path)),
        (401, client.head(path, headers={"Authorization": "Bearer nonsense"})),
    ]
    for status, request in asked:
        answer = await request
        assert answer.status_code == status, f"{answer.request.method} {answer.request.headers}: {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Upload-Offset" not in answer.headers
        if "%2f" not in str(answer.request.url):
            assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert await offset_of(client, path) == 0


async def test_f22_a_file_too_large_is_refused_before_a_byte_is_sent(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, headers={"Upload-Length": str(LARGEST + 1)})
    assert answer.status_code == 413
    assert str(LARGEST) in answer.json()["detail"]
    assert (await client.post(PATH, headers={"Upload-Length": "9" * 18})).status_code == 413


async def test_more_bytes_than_were_announced_are_refused(client: httpx.AsyncClient, servers: LocalServers) -> None:
    path = await begin(client, 1000)
    before = staged(servers)
    assert (await append(client, path, 0, bytes(1001))).status_code == 413

    async def undeclared() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield bytes(100)

    answer = await client.patch(path, content=undeclared(), headers={**BODY, "Upload-Offset": "0"})
    assert answer.status_code == 413
    assert await offset_of(client, path) == 0
    assert staged(servers) <= before


async def test_f22_a_file_in_too_many_requests_is_refused(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_PARTS", 3)
    path = await begin(client, 1000)
    answers = [await append(client, path, start, b"x") for start in range(4)]
    assert [answer.status_code for answer in answers] == [204, 204, 204, 413]


async def test_f06_f07_another_users_upload_is_not_found_and_stays_as_it_is(
    client: httpx.AsyncClient, behind: Behind
) -> None:
    path = await begin(client, len(DATA))
    assert (await append(client, path, 0, DATA[:1000])).status_code == 204
    async with behind.client() as stranger:
        override = {"X-HTTP-Method-Override": "DELETE"}
        answers = [
            await stranger.head(path),
            await append(stranger, path, 1000, DATA[1000:]),
            await append(stranger, path, 0, DATA),
            await stranger.delete(path),
            await stranger.post(path, headers=override),
            await stranger.get(f"/api/training/upload-status/{path.rpartition('/')[2]}"),
        ]
        assert {answer.status_code for answer in answers} == {404}
    assert (await append(client, path, 1000, DATA[1000:])).status_code == 204
    assert await stored_sha256(client, path) == sha256(DATA)


async def test_f08_a_file_name_that_climbs_is_only_a_name(client: httpx.AsyncClient, servers: LocalServers) -> None:
    name = "../../../climbed.csv"
    path = await begin(client, len(DATA), filename=name)
    assert (await append(client, path, 0, DATA)).status_code == 204
    assert await stored_sha256(client, path) == sha256(DATA)
    assert not [path for path in files_below(servers.data_directory) if "climbed" in path.name]


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100)], ids=["empty", "a picture"])
async def test_what_is_no_csv_is_refused_with_the_last_byte_and_leaves_nothing(
    client: httpx.AsyncClient, servers: LocalServers, data: bytes
) -> None:
    before = staged(servers)
    headers = {"Upload-Length": str(len(data)), "Upload-Metadata": metadata(filename="holiday.csv"), **BODY}
    answer = await client.post(PATH, content=data, headers=headers)
    assert answer.status_code == 422, answer.text
    assert "holiday.csv" in answer.json()["detail"]
    assert staged(servers) <= before


async def test_a_rejected_upload_is_gone(client: httpx.AsyncClient) -> None:
    path = await begin(client, 100)
    refused = await append(client, path, 0, bytes(100))
    assert refused.status_code == 422
    assert (await client.head(path)).status_code == 410


async def test_f19_a_file_that_is_not_what_its_client_announced_is_refused(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA), filename="load.csv", sha256="0" * 64)
    answer = await append(client, path, 0, DATA)
    assert answer.status_code == 422
    assert "SHA-256" in answer.json()["detail"]


async def test_a_session_of_an_upload_that_is_not_whole_is_refused_with_what_is_there(
    client: httpx.AsyncClient,
) -> None:
    path = await begin(client, len(DATA))
    await append(client, path, 0, DATA[:1000])
    upload_id = path.rpartition("/")[2]
    answer = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
    assert answer.status_code == 409
    assert f"1000 of {len(DATA)} bytes" in answer.json()["detail"]
    state = (await client.get(f"/api/training/upload-status/{upload_id}")).json()
    assert (state["status"], state["totalChunks"]) == ("chunk_received", None)


async def test_chunks_and_tus_do_not_mix(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(DATA))
    form = {"uploadId": path.rpartition("/")[2], "chunkIndex": "0", "totalChunks": "1", "fileName": "load.csv"}
    mixed = await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("load.csv", DATA)})
    assert mixed.status_code == 409
    announced = {"fileName": "load.csv", "size": len(DATA), "totalChunks": 2}
    chunked = (await client.post("/api/training/uploads", json=announced)).json()["uploadId"]
    assert (await append(client, PATH + chunked, 0, DATA)).status_code == 404
