"""Two upload replicas behind the gateway, as real processes: any chunk may reach either, and either may die."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from shared.database.pool import Database, Record
from tests.files import files_below
from tests.integration.apps import token_of
from tests.integration.chain import write_series
from tests.integration.gateway.servers import gateway
from tests.integration.replicas import Replica
from tests.waiting import until

pytestmark = pytest.mark.integration

SETTINGS = {"FORETIDE_SWEEP_SECONDS": "0.5", "FORETIDE_REQUESTS_PER_MINUTE": "1000000"}
INSTANTS = 16


@pytest.fixture(scope="module")
async def replicas(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Replica]]:
    """Two, running."""
    logs = tmp_path_factory.mktemp("replicas")
    made = [Replica("upload", servers, logs / f"upload-{number}.log", SETTINGS) for number in (1, 2)]
    for replica in made:
        replica.start()
    try:
        await asyncio.gather(*(replica.answers() for replica in made))
        yield made
    finally:
        await asyncio.gather(*(replica.stop() for replica in made))


@pytest.fixture(scope="module")
async def door(replicas: list[Replica]) -> AsyncIterator[str]:
    """The URL of a gateway that takes the two in turn."""
    async with gateway(upstreams={"upload": [replica.url for replica in replicas]}) as url:
        yield url


@pytest.fixture
async def client(door: str, servers: LocalServers, user_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(door, servers, user_id) as made:
        yield made


@pytest.fixture
def csv(tmp_path: Path) -> bytes:
    return write_series(tmp_path)[0].read_bytes()


def client_of(url: str, servers: LocalServers, user_id: UUID) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token_of(servers, user_id)}"},
        timeout=90,
        trust_env=False,
        limits=httpx.Limits(max_connections=64),
    )


def cut(data: bytes, count: int) -> list[bytes]:
    """The data in that many chunks of about the same size."""
    edges = [len(data) * number // count for number in range(count + 1)]
    return [data[start:end] for start, end in pairwise(edges)]


async def announce(client: httpx.AsyncClient, data: bytes, chunks: int) -> str:
    answer = await client.post(
        "/api/training/uploads", json={"fileName": "load.csv", "size": len(data), "totalChunks": chunks}
    )
    assert answer.status_code == 201, answer.text
    upload_id: str = answer.json()["uploadId"]
    return upload_id


async def send(
    client: httpx.AsyncClient, upload_id: str, index: int, total: int, chunk: bytes, **fields: str
) -> httpx.Response:
    form = {"uploadId": upload_id, "chunkIndex": str(index), "totalChunks": str(total), "fileName": "load.csv"}
    return await client.post("/api/training/upload-chunk", data={**form, **fields}, files={"chunk": ("x", chunk)})


async def state(client: httpx.AsyncClient, upload_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/training/upload-status/{upload_id}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def row_of(database: Database, upload_id: str) -> Record | None:
    async with database.transaction() as transaction:
        return await transaction.fetch_row("select * from uploads where upload_id = $1", upload_id)


async def stored_row(database: Database, upload_id: str) -> Record:
    row = await row_of(database, upload_id)
    assert row is not None
    return row


def staged(servers: LocalServers, storage_id: UUID) -> list[Path]:
    return [*files_below(servers.data_directory / "objects" / "upload-staging" / str(storage_id))]


def assemblies(replicas: list[Replica], upload_id: str) -> int:
    """How often the file was put together, whichever replica did."""
    return sum(line["upload_id"] == upload_id for replica in replicas for line in replica.said("file assembled"))


async def test_f03_sixty_four_parallel_senders_through_both_replicas_lose_nothing(
    client: httpx.AsyncClient, replicas: list[Replica], database: Database, servers: LocalServers, csv: bytes
) -> None:
    """In any order, each chunk twice: the file is whole, made once, and nothing stays in staging."""
    parts = cut(csv, 64)
    upload_id = await announce(client, csv, len(parts))
    order = [index for index in range(len(parts)) for _ in range(2)]
    random.Random(3).shuffle(order)
    answers = await asyncio.gather(*(send(client, upload_id, index, len(parts), parts[index]) for index in order))
    assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers if a.status_code != 200][:1]
    assert (await state(client, upload_id))["status"] == "completed"
    row = await stored_row(database, upload_id)
    assert row["raw"]["sha256"] == hashlib.sha256(csv).hexdigest()
    assert assemblies(replicas, upload_id) == 1
    await until(lambda: not staged(servers, row["storage_id"]), what="staging is empty")
    for replica in replicas:
        assert any(line["path"].endswith("/upload-chunk") for line in replica.said("request")), "both took chunks"


async def test_f05_two_last_chunks_at_the_same_instant_complete_the_file_once(
    replicas: list[Replica], servers: LocalServers, database: Database, user_id: UUID, csv: bytes
) -> None:
    """Each to its own replica, many times over; both senders are told that the file is complete."""
    parts = cut(csv[:8000].rpartition(b"\n")[0] + b"\n", 3)
    data = b"".join(parts)
    one, other = (client_of(replica.url, servers, user_id) for replica in replicas)
    async with one, other:
        for _ in range(INSTANTS):
            upload_id = await announce(one, data, 3)
            await send(one, upload_id, 1, 3, parts[1])
            answers = await asyncio.gather(send(one, upload_id, 0, 3, parts[0]), send(other, upload_id, 2, 3, parts[2]))
            assert [answer.status_code for answer in answers] == [200, 200]
            assert [answer.json()["missing"] for answer in answers].count([]) >= 1
            assert any(answer.json()["status"] == "completed" for answer in answers)
            row = await stored_row(database, upload_id)
            assert (row["status"], row["raw"]["sha256"]) == ("completed", hashlib.sha256(data).hexdigest())
            assert assemblies(replicas, upload_id) == 1
            assert not staged(servers, row["storage_id"])


async def test_f02_a_file_is_not_made_before_its_last_missing_chunk(client: httpx.AsyncClient, csv: bytes) -> None:
    """The last index first and one in the middle lost: a session is refused with the list of what is missing."""
    parts = cut(csv, 5)
    upload_id = await announce(client, csv, 5)
    for index in (4, 0, 1, 3):
        answer = await send(client, upload_id, index, 5, parts[index])
        assert answer.json()["status"] == "chunk_received"
    refused = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
    assert refused.status_code == 409
    assert refused.json()["technical_details"]["missing"] == [2]
    assert (await send(client, upload_id, 2, 5, parts[2])).json()["status"] == "completed"
    assert (await client.post("/api/training/create-database-session", json={"uploadId": upload_id})).is_success


async def test_l02_an_upload_goes_on_where_it_was_after_kill_9_of_a_replica(
    client: httpx.AsyncClient, replicas: list[Replica], database: Database, csv: bytes
) -> None:
    """A client that asks for the status and sends what is missing gets its file in, with the other replica alone."""
    parts = cut(csv, 40)
    upload_id = await announce(client, csv, len(parts))
    sending = [asyncio.create_task(send(client, upload_id, i, len(parts), part)) for i, part in enumerate(parts[:39])]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    await replicas[0].kill()
    outcomes = await asyncio.gather(*sending)
    assert {outcome.status_code for outcome in outcomes} <= {200, 502}, "what was under way may have broken off"
    lost = await state(client, upload_id)
    for index in lost["missing"]:
        assert (await send(client, upload_id, index, len(parts), parts[index])).status_code == 200
    acknowledged = {index for index, outcome in enumerate(outcomes) if outcome.status_code == 200}
    assert acknowledged <= set(lost["received"]), "what was acknowledged is there"
    row = await stored_row(database, upload_id)
    assert (row["status"], row["raw"]["sha256"]) == ("completed", hashlib.sha256(csv).hexdigest())
    replicas[0].start()
    await replicas[0].answers()


async def test_l02_a_file_whose_replica_is_killed_while_it_is_put_together_is_completed_by_the_other(
    replicas: list[Replica], servers: LocalServers, database: Database, user_id: UUID, tmp_path: Path
) -> None:
    data = write_series(tmp_path, hours=24 * 8000)[0].read_bytes()
    dying, living = replicas
    async with client_of(dying.url, servers, user_id) as client, client_of(living.url, servers, user_id) as other:
        upload_id = await announce(client, data, 1)
        sending = asyncio.create_task(send(client, upload_id, 0, 1, data))

        async def assembling() -> bool:
            return bool((await stored_row(database, upload_id))["status"] == "assembling")

        await until(assembling, what="the file is being put together")
        await dying.kill()
        with pytest.raises(httpx.HTTPError):
            await sending
        again = await send(other, upload_id, 0, 1, data)
    assert (again.status_code, again.json()["status"]) == (200, "completed")
    row = await stored_row(database, upload_id)
    assert row["raw"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert assemblies(replicas, upload_id) == 1
    dying.start()
    await dying.answers()


async def test_f01_a_wrong_chunk_is_refused_by_name_and_the_others_stay(client: httpx.AsyncClient, csv: bytes) -> None:
    """Checksum, index, size, number of chunks, file: each refusal names the chunk and what is wrong with it."""
    parts = cut(csv, 4)
    upload_id = await announce(client, csv, 4)
    assert (await send(client, upload_id, 1, 4, parts[1])).status_code == 200
    refusals = [
        (await send(client, upload_id, 2, 4, parts[2], chunkSha256="0" * 64), 422, "Chunk 2"),
        (await send(client, upload_id, 4, 4, parts[3]), 422, "4"),
        (await send(client, upload_id, -1, 4, parts[3]), 422, "-1"),
        (await send(client, upload_id, 1, 4, parts[2]), 409, "Chunk 1"),
        (await send(client, upload_id, 2, 4, csv), 413, "chunk 2"),
        (await send(client, upload_id, 2, 4, b""), 422, "Chunk 2"),
        (await send(client, upload_id, 2, 7, parts[2]), 409, "7"),
        (await send(client, upload_id, 2, 4, parts[2], fileName="other.csv"), 409, "other.csv"),
    ]
    for answer, status, named in refusals:
        assert answer.status_code == status, answer.text
        assert named in answer.json()["detail"], answer.text
    left = await state(client, upload_id)
    assert (left["received"], left["missing"]) == ([1], [0, 2, 3])
    for index in (0, 2, 3):
        last = await send(client, upload_id, index, 4, parts[index])
    assert last.json()["status"] == "completed"


async def test_f06_f07_another_users_upload_is_neither_seen_nor_extended(
    client: httpx.AsyncClient, door: str, servers: LocalServers, database: Database, csv: bytes
) -> None:
    """The same id sent by a stranger is the stranger's own upload, from the first chunk on."""
    parts = cut(csv, 3)
    upload_id = await announce(client, csv, 3)
    await send(client, upload_id, 0, 3, parts[0])
    async with client_of(door, servers, uuid4()) as stranger:
        assert (await stranger.get(f"/api/training/upload-status/{upload_id}")).status_code == 404
        assert (await send(stranger, upload_id, 0, 99, b"theirs")).status_code == 200
        assert (await stranger.get(f"/api/training/upload-status/{upload_id}")).json()["totalChunks"] == 99
    mine = await state(client, upload_id)
    assert (mine["received"], mine["totalChunks"]) == ([0], 3)
    for index in (1, 2):
        last = await send(client, upload_id, index, 3, parts[index])
    assert last.json()["status"] == "completed"


async def test_abandoned_uploads_expire_and_their_bytes_go(
    client: httpx.AsyncClient, servers: LocalServers, database: Database, csv: bytes
) -> None:
    """One whose chunks still come is not abandoned, however long ago it was begun."""
    parts = cut(csv, 3)
    abandoned, slow = [await announce(client, csv, 3) for _ in range(2)]
    for upload_id in (abandoned, slow):
        await send(client, upload_id, 0, 3, parts[0])
    storage_id = (await stored_row(database, abandoned))["storage_id"]
    assert staged(servers, storage_id)
    async with database.transaction() as transaction:
        for upload_id in (abandoned, slow):
            await transaction.execute(
                """update uploads set created_at = now() - interval '25 hours',
                       expires_at = now() - interval '1 hour' where upload_id = $1""",
                upload_id,
            )
        await transaction.execute(
            "update upload_chunks set received_at = now() - interval '25 hours' where upload_id = $1", abandoned
        )

    async def gone() -> bool:
        return await row_of(database, abandoned) is None

    await until(gone, what="the upload is gone")
    assert not staged(servers, storage_id)
    assert (await client.get(f"/api/training/upload-status/{abandoned}")).status_code == 404
    for index in (1, 2):
        last = await send(client, slow, index, 3, parts[index])
    assert last.json()["status"] == "completed"


async def test_chunks_repeated_while_their_file_is_completed_or_expires_leave_nothing_in_staging(
    client: httpx.AsyncClient, servers: LocalServers, database: Database, csv: bytes
) -> None:
    """A repetition that is stored too late removes what it stored: no chunk outlives its upload."""
    data = csv[:4000].rpartition(b"\n")[0] + b"\n"
    parts = cut(data, 2)
    storage_ids = []
    for _ in range(5):
        upload_id = await announce(client, data, 2)
        storage_ids.append((await stored_row(database, upload_id))["storage_id"])
        await send(client, upload_id, 0, 2, parts[0])
        answers = await asyncio.gather(*(send(client, upload_id, n % 2, 2, parts[n % 2]) for n in range(12)))
        assert {answer.status_code for answer in answers} == {200}
    doomed = await announce(client, data, 2)
    storage_ids.append((await stored_row(database, doomed))["storage_id"])
    sending = [asyncio.create_task(send(client, doomed, 0, 2, parts[0])) for _ in range(10)]
    async with database.transaction() as transaction:
        await transaction.execute(
            """update uploads set created_at = now() - interval '1 hour', expires_at = now()
               where upload_id = $1""",
            doomed,
        )
        await transaction.execute("update uploads set status = 'expired' where upload_id = $1", doomed)
    assert {answer.status_code for answer in await asyncio.gather(*sending)} <= {200, 404}
    await until(
        lambda: not any(staged(servers, storage_id) for storage_id in storage_ids), seconds=60, what="staging is empty"
    )
