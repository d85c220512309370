"""Clients of the notifier as tests drive them, and what happens in a session as they say."""

from __future__ import annotations

import asyncio
import json
import socket as socket_module
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import socketio
import websockets

from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import ResultsDeleted
from tests.integration.conftest import Owned
from tests.integration.outboxes import record
from tests.waiting import until


class Watcher:
    """One client; ``heard`` is all that it was sent after the greeting, as ``(event, data)``."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.expires_at: str | None = None
        self.client.on("*", self._hear)

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        if event == "connected":
            self.expires_at = data["expires_at"]
        else:
            self.heard.append((event, data))

    async def ask(self, name: str, /, **data: Any) -> dict[str, Any]:
        """Send a request; its answer."""
        answer: dict[str, Any] = await self.client.call(name, data, timeout=30)
        return answer

    async def join(self, session_id: str, after: int | None = None) -> dict[str, Any]:
        """Join, which has to succeed; the answer."""
        answer = await self.ask("join_session", session_id=session_id, **({} if after is None else {"after": after}))
        assert answer["ok"], answer
        return answer

    def of(self, event: str) -> list[dict[str, Any]]:
        """What came with this event."""
        return [data for name, data in self.heard if name == event]

    @property
    def numbers(self) -> list[int]:
        """The numbers of all numbered messages, as they came."""
        return [data["sequence"] for _, data in self.heard if data.get("sequence") is not None]

    async def has(self, *events: str, seconds: float = 30) -> None:
        """Wait until each of these was heard."""
        await until(
            lambda: set(events) <= {name for name, _ in self.heard}, seconds=seconds, what=f"{events} of {self.heard}"
        )


@asynccontextmanager
async def watcher(url: str, token: str, *, transports: list[str] | None = None) -> AsyncIterator[Watcher]:
    """A connected client."""
    made = Watcher()
    await made.client.connect(url, auth={"token": token}, transports=transports or ["websocket"], wait_timeout=20)
    try:
        yield made
    finally:
        await made.client.disconnect()


@asynccontextmanager
async def bare_client(url: str, token: str) -> AsyncIterator[websockets.ClientConnection]:
    """A connected client without a library above the WebSocket: it reads when a test does, and little ahead."""
    address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    transport = socket_module.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    transport.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, 64 * 1024)
    socket = await websockets.connect(address, sock=transport, max_queue=2, proxy=None, ping_interval=None)
    try:
        await socket.recv()
        await socket.send("40" + json.dumps({"token": token}))
        await socket.recv()
        yield socket
    finally:
        socket.transport.abort()


async def happen(database: Database, owned: Owned, count: int) -> None:
    """So many numbered events of the session, one transaction each."""
    for number in range(count):
        await record(database, owned, ResultsDeleted(session_id=owned.session_id, results=number, objects=0))


def progress(owned: Owned, percent: float, *, phase: str = "training", job: str = "", **data: Any) -> Envelope:
    """A worker's word about how far it is."""
    content = {"session_id": owned.session_id, "phase": phase, "progress": percent, "job_id": job or str(uuid4())}
    return Envelope(
        source="/test",
        type=event_type("progress"),
        subject=owned.session_id,
        userid=str(owned.user_id),
        data={**content, **data},
    )


async def tell(bus: RabbitBus, *envelopes: Envelope) -> None:
    """Publish progress in this order."""
    for envelope in envelopes:
        await bus.publish_progress(envelope)
        await asyncio.sleep(0)
