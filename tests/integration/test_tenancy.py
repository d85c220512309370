"""Nobody reaches what is somebody else's: over every route, in the query and in the database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import jwt
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.dataset.app import create_api as dataset_api
from services.notifier.app import create_api as notifier_api
from services.results.app import create_app as results_app
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.database.pool import Database
from shared.runtime.service import Service
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned, make_session

pytestmark = pytest.mark.integration

PUBLIC = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/api/files")
TUS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
_IDENTIFIER = re.compile(r"\{(\w+)(:path)?\}")


@pytest.fixture(scope="module")
async def applications(servers: LocalServers) -> AsyncIterator[list[FastAPI]]:
    """Every service's HTTP side."""
    settings = settings_for(servers)
    notifier = notifier_api(Service("notifier", settings))
    made = [upload_app(settings), dataset_api(settings), trainer_api(settings), results_app(settings), notifier]
    async with running(made[0]), running(made[1]), running(made[2]), running(made[3]), running(made[4]):
        yield made


def operations(application: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of an application's OpenAPI document."""
    return [
        (method.upper(), path)
        for path, methods in application.openapi()["paths"].items()
        for method in methods
        if not path.startswith(PUBLIC)
    ]


def filled(path: str, owned: Owned, **identifiers: str) -> str:
    """The path with the owner's identifiers in it."""
    known = {"sessionId": owned.session_id, "plot": "predictions", **identifiers}
    return _IDENTIFIER.sub(lambda match: known.get(match[1]) or str(uuid4()), path)


async def make_upload(database: Database, user_id: UUID) -> str:
    """An upload under way, as its first chunk leaves it."""
    upload_id = uuid4().hex
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into uploads (user_id, upload_id, file_name, file_type, total_chunks, expires_at)
               values ($1, $2, 'theirs.csv', 'input', 2, now() + interval '1 hour')""",
            user_id,
            upload_id,
        )
    return upload_id


async def make_webhook(database: Database, owned: Owned) -> tuple[str, str]:
    """A webhook with an event that waits for it: the ids of both."""
    async with database.transaction() as transaction:
        webhook_id = await transaction.fetch_value(
            "insert into webhooks (user_id, url, description) values ($1, 'https://theirs.example.org', 'theirs') "
            "returning id",
            owned.user_id,
        )
        delivery_id = await transaction.fetch_value(
            """insert into webhook_deliveries
                   (webhook_id, user_id, event_id, event_type, session_id, envelope, next_attempt_at)
               values ($1, $2, gen_random_uuid(), 'file.uploaded', $3, '{}', now() + interval '1 day') returning id""",
            webhook_id,
            owned.user_id,
            owned.session_id,
        )
    return str(webhook_id), str(delivery_id)


async def call(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    if "/tus/" in path:
        return await client.request(method, path, content=b"", headers=TUS)
    body = {"name": "mine now"} if method == "PATCH" else {"jobId": None} if path.endswith("/served") else {}
    return await client.request(method, path, json=body if method in ("POST", "PUT", "PATCH") else None)


async def test_f51_f52_what_is_another_users_is_not_found_on_any_route_nor_in_any_list(
    applications: list[FastAPI], servers: LocalServers, database: Database
) -> None:
    """Generated from the OpenAPI documents: a new route is in this test by itself."""
    owned = await make_session(database)
    upload_id = await make_upload(database, owned.user_id)
    webhook_id, delivery_id = await make_webhook(database, owned)
    identifiers = {"uploadId": upload_id, "webhookId": webhook_id, "deliveryId": delivery_id}
    tried = 0
    for application in applications:
        async with caller(application, servers) as stranger:
            for method, path in operations(application):
                answer = await call(stranger, method, filled(path, owned, **identifiers))
                if "{" in path:
                    assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
                    assert method == "HEAD" or answer.json()["category"] == "NOT_FOUND"
                else:
                    shown = [
                        part for part in (owned.session_id, upload_id, webhook_id, "theirs") if part in answer.text
                    ]
                    assert not shown, f"{method} {path} shows {shown}"
                tried += 1
    assert tried >= 24
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(
            "select name, status from training_sessions where session_id = $1", owned.session_id
        )
        upload = await transaction.fetch_value("select status from uploads where upload_id = $1", upload_id)
        webhook = await transaction.fetch_row(
            """select hook.active, item.status, (select count(*) from user_secrets where webhook_id = hook.id)
               from webhooks hook join webhook_deliveries item on item.webhook_id = hook.id where hook.id = $1""",
            UUID(webhook_id),
        )
    assert (*(row or ()), upload) == ("test", "uploaded", "open")
    assert tuple(webhook or ()) == (True, "pending", 0)


async def test_every_route_refuses_no_token_a_bad_one_and_an_expired_one(
    applications: list[FastAPI], servers: LocalServers, session: Owned
) -> None:
    claims = {
        "sub": str(session.user_id),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": datetime.now(UTC) - timedelta(hours=2),
        "exp": datetime.now(UTC) - timedelta(hours=1),
    }
    expired = jwt.encode(claims, servers.jwt_secret, algorithm="HS256")
    forged = jwt.encode({**claims, "exp": datetime.now(UTC) + timedelta(hours=1)}, "x" * 32, algorithm="HS256")
    for application in applications:
        async with caller(application, servers) as client:
            for method, path in operations(application):
                for authorization in (None, f"Bearer {forged}", f"Bearer {expired}", "Bearer nonsense"):
                    client.headers.pop("Authorization", None)
                    if authorization:
                        client.headers["Authorization"] = authorization
                    answer = await call(client, method, filled(path, session))
                    assert answer.status_code == 401, f"{method} {path} with {authorization}: {answer.status_code}"
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_f30_reads_never_create(applications: list[FastAPI], servers: LocalServers, database: Database) -> None:
    # Which and not how many: other tests' sessions are still being deleted meanwhile.
    async def sessions() -> set[UUID]:
        async with database.transaction() as transaction:
            rows = await transaction.fetch("select session_id from training_sessions")
            return {row["session_id"] for row in rows}

    before = await sessions()
    nowhere = Owned(str(uuid4()), uuid4())
    for application in applications:
        async with caller(application, servers, nowhere.user_id) as client:
            for method, path in operations(application):
                if method == "GET" and "{sessionId}" in path:
                    assert (await client.get(filled(path, nowhere))).status_code == 404
    assert await sessions() <= before


async def test_f53_deleting_all_sessions_deletes_only_mine(
    applications: list[FastAPI], servers: LocalServers, database: Database
) -> None:
    mine = [await make_session(database) for _ in range(1)]
    user_id = mine[0].user_id
    mine.append(await make_session(database, user_id=user_id))
    theirs = await make_session(database)
    async with caller(applications[0], servers, user_id) as client:
        answer = await client.delete("/api/training/sessions")
        assert sorted(answer.json()["sessionIds"]) == sorted(owned.session_id for owned in mine)
        assert (await client.get("/api/training/sessions")).json()["items"] == []
    async with caller(applications[0], servers, theirs.user_id) as other:
        assert (await other.get(f"/api/training/sessions/{theirs.session_id}")).status_code == 200


async def test_f56_the_database_is_a_second_wall(servers: LocalServers, database: Database) -> None:
    """Row-level security: as a user only own rows are seen, nothing is written; as anon nothing is seen."""
    owned, other = await make_session(database), await make_session(database)
    async with database.transaction(owned.user_id) as transaction:
        seen = await transaction.fetch("select session_id from training_sessions")
        assert [row["session_id"] for row in seen] == [owned.session_id]
    for statement in (
        "update training_sessions set name = 'mine' where true",
        "delete from training_sessions where true",
        "insert into training_sessions (session_id, user_id, name) values ('x', auth.uid(), 'x')",
        "select * from outbox",
        "select * from user_secrets",
        "update webhooks set url = 'https://mine.example.org' where true",
        "insert into webhook_deliveries select * from webhook_deliveries where true",
        "select foretide.record_message('e', 'r', false, gen_random_uuid(), 't', 's', 's', 'u', null, '{}')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction(owned.user_id) as transaction:
                await transaction.execute(statement)
    connection = await asyncpg.connect(servers.database_url)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('role', 'anon', true)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("select * from training_sessions")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from training_sessions")
    finally:
        await connection.close()
    assert other.session_id != owned.session_id


async def test_no_role_leaks_from_one_transaction_to_the_next(database: Database) -> None:
    owned = await make_session(database)

    async def user_sees() -> list[UUID]:
        async with database.transaction(owned.user_id) as transaction:
            return [row["user_id"] for row in await transaction.fetch("select user_id from training_sessions")]

    for _ in range(20):
        async with database.transaction() as transaction:
            assert await transaction.fetch_value("select count(*) from training_sessions") >= 1
        assert await user_sees() == [owned.user_id]
