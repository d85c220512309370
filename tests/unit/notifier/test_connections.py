"""Nothing stays behind of clients that have gone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import socketio

from services.notifier.connections import Connection, Connections
from services.notifier.portions import LARGEST_PORTION, Portions
from shared.identity.verifier import Caller


def caller(days: float) -> Caller:
    return Caller(uuid4(), {}, datetime.now(UTC) + timedelta(days=days))


async def test_a_token_that_is_renewed_as_its_client_goes_leaves_no_timer_behind() -> None:
    expired: list[Connection] = []
    connections = Connections(
        socketio.AsyncServer(async_mode="asgi"),
        warning_seconds=60,
        on_expiring=expired.append,
        on_expired=expired.append,
    )
    connection = connections.add("one", caller(30), "token")
    connections.remove("one")
    connections.refresh(connection, caller(60), "newer")
    assert all(timer.cancelled() for timer in connection.timers)
    assert (connection.token, expired) == ("token", [])


async def taken(queue: Portions) -> int:
    await queue.get()
    count = 1
    while True:
        try:
            queue.get_nowait()
        except asyncio.QueueEmpty:
            return count
        count += 1


async def test_f80_a_poll_brings_no_more_than_the_client_for_python_takes_and_a_websocket_all() -> None:
    queue = Portions()
    for number in range(100):
        queue.put_nowait(number)
    assert [await taken(queue), await taken(queue)] == [LARGEST_PORTION] * 2
    queue.polled = lambda: False
    assert await taken(queue) == 100 - 2 * LARGEST_PORTION


async def test_all_that_waits_can_be_thrown_away() -> None:
    queue = Portions()
    for number in range(100):
        queue.put_nowait(number)
    queue.throw_away()
    assert queue.empty()
    await asyncio.wait_for(queue.join(), 5)
