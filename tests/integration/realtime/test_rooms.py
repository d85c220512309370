"""Every update of a session arrives at its owner, in order, once; and at nobody else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
import socketio

from foretide.stack.servers import LocalServers
from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.identity.issuer import issue_token
from tests.integration.apps import ServiceProcess, token_of
from tests.integration.conftest import Owned, make_session
from tests.integration.realtime.watching import Watcher, happen, progress, tell, watcher
from tests.waiting import until

pytestmark = pytest.mark.integration


async def test_f79_who_joins_late_gets_a_snapshot_and_what_it_missed_and_then_what_happens(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    await happen(database, session, 5)
    async with watcher(notifier.url, token) as client:
        answer = await client.join(session.session_id, after=2)
        assert client.numbers == [3, 4, 5]
        assert (answer["sequence"], answer["snapshot"]["sequence"], answer["snapshot"]["phase"]) == (5, 5, "uploaded")
        await happen(database, session, 2)
        await until(lambda: client.numbers == [3, 4, 5, 6, 7], what="live events")


async def test_f79_without_after_only_what_happens_from_now_on_is_told(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    await happen(database, session, 3)
    async with watcher(notifier.url, token) as client:
        assert (await client.join(session.session_id))["sequence"] == 3
        await happen(database, session, 1)
        await until(lambda: client.numbers == [4], what="the live event")


async def test_f79_joins_in_the_middle_of_a_stream_of_events_leave_no_hole_and_no_repetition(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    stream = asyncio.create_task(happen(database, session, 150))
    async with watcher(notifier.url, token) as one, watcher(notifier.url, token) as two:
        while not stream.done():
            for client in (one, two):
                await client.ask("leave_session", session_id=session.session_id)
                await client.join(session.session_id, after=max(client.numbers, default=0))
        await stream
        for client in (one, two):
            await until(lambda c=client: 150 in c.numbers, what="the last event")
            assert client.numbers == list(range(1, 151))


async def test_a_client_that_left_hears_nothing_more(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as stays, watcher(notifier.url, token) as leaves:
        for client in (stays, leaves):
            await client.join(session.session_id)
        assert (await leaves.ask("leave_session", session_id=session.session_id)) == {"ok": True}
        await happen(database, session, 1)
        await until(lambda: stays.numbers == [1], what="the event")
        assert (await leaves.ask("get_status", session_id=session.session_id))["status"]["sequence"] == 1
        assert leaves.heard == []


async def test_the_same_events_are_read_over_http(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    await happen(database, session, 5)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"{notifier.url}/api/training/events/{session.session_id}"
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        page = (await client.get(path, params={"after": 2, "limit": 2})).json()
        rest = (await client.get(path, params={"after": page["lastSequence"]})).json()
    assert [item["sequence"] for item in page["items"] + rest["items"]] == ["3", "4", "5"]
    assert (page["more"], rest["more"], rest["lastSequence"]) == (True, False, 5)


async def test_f54_an_outsider_is_told_that_there_is_no_such_session(
    notifier: ServiceProcess, servers: LocalServers, database: Database, session: Owned
) -> None:
    await happen(database, session, 2)
    async with watcher(notifier.url, token_of(servers, uuid4())) as outsider:
        for name in ("join_session", "get_status"):
            answer = await outsider.ask(name, session_id=session.session_id, after=0)
            assert (answer["ok"], answer["problem"]["category"]) == (False, "NOT_FOUND")
            assert answer == {
                **await outsider.ask(name, session_id=str(uuid4()), after=0),
                "problem": answer["problem"],
            }
        await happen(database, session, 1)
        own = await make_session(database)
        async with watcher(notifier.url, token_of(servers, own.user_id)) as other:
            await other.join(own.session_id)
            await happen(database, own, 1)
            await until(lambda: other.numbers == [1], what="events pass")
        assert outsider.heard == []


@pytest.mark.parametrize("which", ["none", "nonsense", "another secret", "expired", "not text"])
async def test_f54_nobody_connects_without_a_token_that_is_valid_now(
    notifier: ServiceProcess, servers: LocalServers, which: str
) -> None:
    tokens = {
        "none": None,
        "nonsense": "x" * 40,
        "another secret": issue_token("s" * 32, uuid4(), lifetime=timedelta(hours=1)),
        "expired": issue_token(servers.jwt_secret, uuid4(), lifetime=timedelta(seconds=-60)),
        "not text": {"a": 1},
    }
    made = Watcher()
    refusals: list[dict[str, object]] = []
    made.client.on("connect_error", refusals.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await made.client.connect(notifier.url, auth={"token": tokens[which]}, transports=["websocket"])
    assert refusals[0]["message"] == "unauthorized"
    assert refusals[0]["data"]["category"] == "UNAUTHORIZED"  # type: ignore[index]
    assert refusals[0]["data"]["recovery"]  # type: ignore[index]


async def test_f54_a_token_that_ends_ends_the_connection_and_says_why(
    notifier: ServiceProcess, servers: LocalServers, database: Database, session: Owned
) -> None:
    short = issue_token(servers.jwt_secret, session.user_id, lifetime=timedelta(seconds=2))
    async with watcher(notifier.url, short) as client:
        await client.join(session.session_id)
        await client.has("error")
        await until(lambda: not client.client.connected, what="the end of the connection")
    (message,) = client.of("error")
    assert (message["session_id"], message["sequence"]) == (None, None)
    assert (message["problem"]["category"], message["problem"]["title"]) == ("UNAUTHORIZED", "The token has expired")
    await happen(database, session, 1)
    assert client.numbers == []


async def test_f54_a_fresher_token_keeps_the_connection_and_only_its_own_users_does(
    notifier: ServiceProcess, servers: LocalServers, database: Database, session: Owned
) -> None:
    short = issue_token(servers.jwt_secret, session.user_id, lifetime=timedelta(seconds=3))
    async with watcher(notifier.url, short) as client, watcher(notifier.url, short) as stubborn:
        await client.join(session.session_id)
        foreign = await client.ask("refresh_token", token=token_of(servers, uuid4()))
        assert (foreign["ok"], foreign["problem"]["category"]) == (False, "UNAUTHORIZED")
        assert (await client.ask("refresh_token", token=token_of(servers, session.user_id)))["ok"]
        await until(lambda: not stubborn.client.connected, what="the first token's end")
        await happen(database, session, 1)
        await until(lambda: client.numbers == [1], what="the event after it")
        assert client.of("error") == []


async def test_a_client_is_told_of_its_tokens_last_minute(
    notifier: ServiceProcess, servers: LocalServers, session: Owned
) -> None:
    token = issue_token(servers.jwt_secret, session.user_id, lifetime=timedelta(seconds=62))
    async with watcher(notifier.url, token) as client:
        await client.has("token_expiring")
        assert client.of("token_expiring")[0]["expires_at"] == client.expires_at


async def test_f77_every_request_is_answered_also_one_that_makes_no_sense(
    notifier: ServiceProcess, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as client:
        for name, data, category in [
            ("join_session", None, "DATA_VALIDATION"),
            ("join_session", {"session_id": ""}, "DATA_VALIDATION"),
            ("join_session", {"session_id": session.session_id, "after": -1}, "DATA_VALIDATION"),
            ("join_session", {"session_id": session.session_id, "after": 2**70}, "DATA_VALIDATION"),
            ("join_session", [1, 2], "DATA_VALIDATION"),
            ("join_session", {"session_id": "\x00"}, "DATA_VALIDATION"),
            ("get_status", {"session_id": "x"}, "NOT_FOUND"),
            ("refresh_token", {"token": "x"}, "UNAUTHORIZED"),
            ("execute_everything", {}, "NOT_FOUND"),
        ]:
            answer = await client.client.call(name, data, timeout=10)
            assert (answer["ok"], answer["problem"]["category"]) == (False, category), (name, data, answer)
            assert answer["problem"]["recovery"]
            assert answer["problem"]["trace_id"]


async def test_an_upload_is_watched_by_its_own_user_alone(
    notifier: ServiceProcess, servers: LocalServers, bus: RabbitBus, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as owner, watcher(notifier.url, token_of(servers, uuid4())) as other:
        for client in (owner, other):
            assert (await client.ask("join_upload", upload_id="mine"))["ok"]
        envelope = progress(session, 40, phase="analysis")
        data = {"upload_id": "mine", "file_name": "a.csv", "phase": "analysis", "progress": 40.0}
        changes = {"type": "io.foretide.upload.progress.v1", "subject": "mine", "data": data}
        await tell(bus, envelope.model_copy(update=changes))
        await owner.has("upload_progress")
        assert owner.of("upload_progress")[0]["progress"] == 40.0
        assert (await other.ask("get_status", session_id="x"))["ok"] is False
        assert other.heard == []
