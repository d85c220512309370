"""Clients that do what no page does: nothing stays behind, nobody is harmed, every request is answered."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
import websockets

from shared.database.pool import Database
from tests.integration.apps import ServiceProcess
from tests.integration.conftest import Owned
from tests.integration.realtime.watching import bare_client, happen, watcher
from tests.waiting import until

pytestmark = pytest.mark.integration


async def acknowledged(socket: websockets.ClientConnection, number: int) -> object:
    """The answer to the request with this number."""
    async with asyncio.timeout(10):
        while not (frame := str(await socket.recv())).startswith(f"43{number}["):
            pass
    return json.loads(frame.removeprefix(f"43{number}"))[0]


@pytest.mark.parametrize("name", ["connect", "disconnect"])
async def test_f77_the_librarys_own_events_are_no_requests(
    name: str, notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    async with bare_client(notifier.url, token) as socket:
        await socket.send(f'420["join_session",{json.dumps({"session_id": session.session_id})}]')
        assert (await acknowledged(socket, 0))["ok"]
        await socket.send("421" + json.dumps([name, {}, {"token": token}]))
        answer = await acknowledged(socket, 1)
        assert answer["problem"]["category"] == "NOT_FOUND", answer
        await socket.send("422" + json.dumps(["get_status", {"session_id": session.session_id}]))
        assert (await acknowledged(socket, 2))["ok"]
        await happen(database, session, 1)
        async with asyncio.timeout(10):
            while "results_deleted" not in str(await socket.recv()):
                pass


async def test_f79_a_client_that_leaves_while_it_joins_hears_nothing_afterwards(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as client:
        joined, left = await asyncio.gather(
            client.ask("join_session", session_id=session.session_id, after=0),
            client.ask("leave_session", session_id=session.session_id),
        )
        assert (joined["ok"], left["ok"]) == (True, True)
        async with watcher(notifier.url, token) as other:
            await other.join(session.session_id)
            await happen(database, session, 1)
            await until(lambda: other.numbers == [1], what="the event at who stayed")
        await client.ask("get_status", session_id=session.session_id)
        assert client.heard == []


async def test_f79_two_joins_at_once_are_done_one_after_the_other(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    await happen(database, session, 600)
    async with watcher(notifier.url, token) as client:
        await asyncio.gather(*(client.ask("join_session", session_id=session.session_id, after=0) for _ in range(2)))
        assert client.numbers == [*range(1, 601), *range(1, 601)]


@pytest.mark.parametrize("nonsense", ["42[", "42[]", "42[{}]", '42{"a":1}', "4x", "42" + "[" * 20_000, '451-["a"]'])
async def test_a_packet_that_cannot_be_read_ends_its_connection_and_no_other(
    nonsense: str, notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as other, bare_client(notifier.url, token) as socket:
        await other.join(session.session_id)
        for _ in range(200):
            with suppress(websockets.ConnectionClosed):
                await socket.send(nonsense)
        if nonsense.startswith("451"):
            with suppress(websockets.ConnectionClosed):
                await socket.send('451-["a",{"_placeholder":true,"num":7}]')
                await socket.send(b"attachment")
        async with asyncio.timeout(10):
            with suppress(websockets.ConnectionClosed):
                while True:
                    await socket.recv()
        await happen(database, session, 1)
        await until(lambda: other.numbers == [1], what="an event for somebody else")


async def test_f80_over_long_polling_a_burst_of_requests_is_answered_and_a_long_replay_arrives(
    notifier: ServiceProcess, database: Database, session: Owned, token: str
) -> None:
    await happen(database, session, 500)
    async with watcher(notifier.url, token, transports=["polling"]) as client:
        ask = [client.ask("get_status", session_id=session.session_id) for _ in range(60)]
        assert len(await asyncio.gather(*ask)) == 60
        await client.join(session.session_id, after=0)
        assert client.numbers == list(range(1, 501))
