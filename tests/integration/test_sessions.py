"""Sessions: listed in any order, renamed, deleted one by one or all; and it is said when nothing is left of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from tests.files import files_below
from tests.integration.apps import caller
from tests.integration.chain import write_series
from tests.waiting import until

pytestmark = pytest.mark.integration


async def named_session(database: Database, user_id: UUID, name: str) -> str:
    session_id = str(uuid4())
    async with database.transaction() as transaction:
        await transaction.execute(
            "insert into training_sessions (session_id, user_id, name, status) values ($1, $2, $3, 'uploaded')",
            session_id,
            user_id,
            name,
        )
    return session_id


async def uploaded_session(client: httpx.AsyncClient, csv: bytes) -> str:
    """A session made of one file, as a client makes it."""
    upload_id = uuid4().hex
    form = {"uploadId": upload_id, "chunkIndex": "0", "totalChunks": "1", "fileName": "load.csv"}
    sent = await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("x", csv)})
    assert sent.status_code == 200, sent.text
    made = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
    session_id: str = made.json()["sessionId"]
    return session_id


async def pages(client: httpx.AsyncClient, **parameters: Any) -> list[list[dict[str, Any]]]:
    """Every page of the list, by its cursors."""
    found = []
    cursor: str | None = None
    while True:
        query = {**parameters, **({"cursor": cursor} if cursor else {})}
        answer = await client.get("/api/training/sessions", params=query)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        cursor = answer.json()["nextCursor"]
        if cursor is None:
            return found


def objects(servers: LocalServers, *folders: str) -> list[Path]:
    """What the store has in folders of these names."""
    root = servers.data_directory / "objects"
    return [path for path in files_below(root) if set(folders) & set(path.relative_to(root).parts)]


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("createdAt", "desc", ["b", "ä", "B", "a", "a", "c"]),
        ("createdAt", "asc", ["c", "a", "a", "B", "ä", "b"]),
        ("name", "asc", ["B", "a", "a", "b", "c", "ä"]),
        ("name", "desc", ["ä", "c", "b", "a", "a", "B"]),
        ("updatedAt", "desc", ["c", "b", "ä", "B", "a", "a"]),
    ],
)
async def test_sessions_are_listed_in_any_order_each_once_whatever_the_page(
    client: httpx.AsyncClient, database: Database, user_id: UUID, sort: str, order: str, expected: list[str]
) -> None:
    made = [await named_session(database, user_id, name) for name in ("c", "a", "a", "B", "ä", "b")]
    assert (await client.patch(f"/api/training/sessions/{made[0]}", json={"name": "c"})).status_code == 200
    for limit in (1, 2, 4, 100):
        found = await pages(client, sort=sort, order=order, limit=limit)
        assert max(len(page) for page in found) <= limit
        listed = [item for page in found for item in page]
        assert [item["name"] for item in listed] == expected
        assert {item["sessionId"] for item in listed} == set(made)


async def test_f86_a_list_longer_than_a_page_is_deleted_to_its_end(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    made = [await named_session(database, user_id, f"session {number}") for number in range(230)]
    answer = await client.delete("/api/training/sessions")
    assert (answer.status_code, answer.json()["sessionIds"]) == (202, made)
    assert await pages(client) == [[]]
    assert (await client.delete("/api/training/sessions")).json()["sessionIds"] == []

    async def gone() -> bool:
        async with database.transaction() as transaction:
            left = await transaction.fetch_value(
                "select count(*) from public.training_sessions where user_id = $1", user_id
            )
        return bool(left == 0)

    await until(gone, seconds=120, what="all of them deleted")


async def test_a_cursor_belongs_to_its_list_and_its_order(
    client: httpx.AsyncClient, database: Database, user_id: UUID
) -> None:
    for name in ("a", "b"):
        await named_session(database, user_id, name)
    first = (await client.get("/api/training/sessions", params={"limit": 1, "sort": "name"})).json()
    for parameters in ({"sort": "createdAt"}, {"sort": "name", "order": "asc"}, {}):
        refused = await client.get("/api/training/sessions", params={**parameters, "cursor": first["nextCursor"]})
        assert refused.status_code == 422
        assert "cursor" in refused.json()["title"]


async def test_a_session_is_renamed_by_its_owner_alone(
    client: httpx.AsyncClient, application: FastAPI, servers: LocalServers, database: Database, user_id: UUID
) -> None:
    session_id = await named_session(database, user_id, "old")
    path = f"/api/training/sessions/{session_id}"
    async with caller(application, servers) as stranger:
        assert (await stranger.patch(path, json={"name": "theirs"})).status_code == 404
    assert (await client.get(path)).json()["name"] == "old"
    assert (await client.patch(path, json={"name": "winter ❄"})).json()["name"] == "winter ❄"
    assert (await client.patch(path, json={"name": ""})).status_code == 422
    assert (await client.get(path)).json()["name"] == "winter ❄"


async def test_f45_a_deletion_says_when_rows_and_objects_are_gone(
    client: httpx.AsyncClient,
    application: FastAPI,
    servers: LocalServers,
    database: Database,
    user_id: UUID,
    tmp_path: Path,
) -> None:
    """Not before: while another service still holds something it says what; then nothing is left, staging included."""
    session_id = await uploaded_session(client, write_series(tmp_path, hours=48)[0].read_bytes())
    path = f"/api/training/sessions/{session_id}"
    assert (await client.get(f"{path}/deletion")).status_code == 404, "it is not being deleted"
    async with database.transaction() as transaction:
        storage_id = await transaction.fetch_value("select storage_id from uploads where user_id = $1", user_id)
        await transaction.execute(
            """insert into training_results (session_id, user_id, status, results_file_path)
               values ($1, $2, 'completed', $1)""",
            session_id,
            user_id,
        )
    store = application.state.service.store
    await store.put("upload-staging", f"{storage_id}/left-behind", b"by a process that was killed")
    await store.put("training-results", f"{session_id}/left-behind", b"by a writer that was cut off")
    assert (await client.delete(path)).json() == {"sessionIds": [session_id]}
    assert (await client.get(path)).status_code == 404
    under_way = (await client.get(f"{path}/deletion")).json()
    assert (under_way["status"], under_way["completedAt"]) == ("deleting", None)
    assert under_way["remaining"] == {"files": 1, "datasets": 0, "models": 0, "results": 1, "plots": 0}
    async with database.transaction() as transaction:
        await transaction.execute("delete from training_results where session_id = $1", session_id)

    async def deleted() -> dict[str, Any] | None:
        document: dict[str, Any] = (await client.get(f"{path}/deletion")).json()
        return document if document["status"] == "deleted" else None

    done = await until(deleted, what="the deletion says that it is done")
    assert set(done["remaining"].values()) == {0}
    assert done["requestedAt"] < done["completedAt"]
    assert not objects(servers, session_id, str(storage_id))
    async with database.transaction() as transaction:
        assert not await transaction.fetch_value("select count(*) from uploads where user_id = $1", user_id)
        said = await transaction.fetch(
            "select routing_key from outbox where envelope ->> 'subject' = $1 order by position", session_id
        )
    assert [row["routing_key"] for row in said][-2:] == ["session.deleted", "session.purged"]
    async with caller(application, servers) as stranger:
        assert (await stranger.get(f"{path}/deletion")).status_code == 404
