"""The connected clients of this replica: who each one is, until when, and what waits to be sent to it.

A message is encoded once for all who get it, and put where the library's writer of each client takes it from: nothing
is awaited in between, so one client never waits for another. A client that does not take what waits for it is shed:
its connection ends, and when it comes back it catches up by replay.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import socketio
from engineio.packet import MESSAGE, Packet
from prometheus_client import Counter, Gauge

from services.notifier.messages import SocketMessage
from services.notifier.transports import end_transport
from shared.identity.verifier import Caller
from shared.telemetry.logs import logger

log = logger(__name__)

LARGEST_BACKLOG = 256
"""Messages that may wait for one client."""
CLIENTS = Gauge("foretide_notifier_clients", "Clients that are connected to this process.")
MESSAGES = Counter("foretide_notifier_messages", "Messages handed to clients' connections.")
SHED_CLIENTS = Counter("foretide_notifier_shed_clients", "Clients whose connection was ended as they did not keep up.")

_NAMESPACE = "/"
_DRAIN_SECONDS = 30.0
_LOOK_SECONDS = 0.02

Frame = list[Packet]
"""An encoded message."""


@dataclass(eq=False, slots=True)
class Connection:
    """One client: ``id`` is the library's, ``token`` the newest that it gave; joins and leaves wait for ``turn``."""

    id: str
    caller: Caller
    token: str
    timers: tuple[asyncio.TimerHandle, ...] = ()
    requests_at_work: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Connections:
    """Who is connected here; ``on_expiring`` and ``on_expired`` are told of a token's last minute and its end."""

    def __init__(
        self,
        server: socketio.AsyncServer,
        *,
        warning_seconds: float,
        on_expiring: Callable[[Connection], None],
        on_expired: Callable[[Connection], None],
    ) -> None:
        self._server = server
        self._warning_seconds = warning_seconds
        self._on_expiring, self._on_expired = on_expiring, on_expired
        self._connections: dict[str, Connection] = {}
        self._shed_clients: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def add(self, client: str, caller: Caller, token: str) -> Connection:
        """A client whose token was verified."""
        connection = self._connections[client] = Connection(client, caller, token)
        if (socket := self._socket(client)) is not None:
            # A reference back would keep it until the garbage collector comes.
            weak = weakref.ref(socket)
            socket.queue.polled = lambda: (open_socket := weak()) is not None and not open_socket.upgraded
        CLIENTS.set(len(self._connections))
        self._watch_time(connection)
        return connection

    def is_open(self, client: str) -> bool:
        """Whether the client can still be sent to."""
        return self._socket(client) is not None

    def is_leaving(self, client: str) -> bool:
        """Whether the library is letting go of the client."""
        return not self._server.manager.is_connected(client, _NAMESPACE)

    def find(self, client: str) -> Connection | None:
        """The client, unless it has gone."""
        return self._connections.get(client)

    def refresh(self, connection: Connection, caller: Caller, token: str) -> None:
        """A newer token of the same user: its time counts from now on, unless the client has gone meanwhile."""
        if self._connections.get(connection.id) is not connection:
            return
        connection.caller, connection.token = caller, token
        self._watch_time(connection)

    def remove(self, client: str) -> None:
        """The client has gone."""
        self._shed_clients.discard(client)
        if connection := self._connections.pop(client, None):
            _cancel(connection.timers)
        CLIENTS.set(len(self._connections))

    def frame(self, message: SocketMessage) -> Frame:
        """Encode a message, once for all who get it."""
        encoded = self._server.packet_class(
            socketio.packet.EVENT, namespace=_NAMESPACE, data=[message.event, message.data]
        ).encode()
        parts = encoded if isinstance(encoded, list) else [encoded]
        return [Packet(MESSAGE, part) for part in parts]

    def send(self, client: str, frame: Frame) -> bool:
        """Let the client have it, after what waits for it already; False for one that has gone or was shed."""
        socket = self._keeping_up(client)
        if socket is None:
            return False
        for packet in frame:
            socket.queue.put_nowait(packet)
        MESSAGES.inc()
        return True

    def keeps_up(self, client: str) -> bool:
        """Whether the client takes what it is sent; one that does not is shed."""
        return self._keeping_up(client) is not None

    async def send_in_turn(self, client: str, frame: Frame) -> bool:
        """As :meth:`send`, at the client's own speed: for a replay, which may be longer than what may wait."""
        deadline = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        while (socket := self._socket(client)) is not None and socket.queue.qsize() >= LARGEST_BACKLOG // 2:
            if asyncio.get_running_loop().time() > deadline:
                self._shed(client, socket)
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return self.send(client, frame)

    def end(self, client: str) -> None:
        """Tell the client that this connection is over; it does not come back by itself."""
        self._later(self._server.disconnect(client))

    def _socket(self, client: str) -> Any:
        """The library's socket of a client; None when it has none that is open."""
        if client in self._shed_clients:
            return None
        transport = self._server.manager.eio_sid_from_sid(client, _NAMESPACE)
        socket = self._server.eio.sockets.get(transport)
        return None if socket is None or socket.closed or socket.closing else socket

    def _keeping_up(self, client: str) -> Any:
        """The library's socket of a client that takes what it is sent, or None; one that does not is shed."""
        socket = self._socket(client)
        if socket is not None and socket.queue.qsize() >= LARGEST_BACKLOG:
            self._shed(client, socket)
            return None
        return socket

    def _shed(self, client: str, socket: Any) -> None:
        SHED_CLIENTS.inc()
        # From here on nothing: after what was thrown away, anything newer would leave a hole.
        self._shed_clients.add(client)
        log.warning("slow client shed", client=client, waiting=socket.queue.qsize())
        socket.queue.throw_away()
        self._later(end_transport(socket, reason="slow client"))

    def _later(self, work: Any) -> None:
        self._ending.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._ending.discard)

    def _watch_time(self, connection: Connection) -> None:
        _cancel(connection.timers)
        left = max(0.0, (connection.caller.expires_at - datetime.now(UTC)).total_seconds())
        loop = asyncio.get_running_loop()
        expired = loop.call_later(left, self._on_expired, connection)
        if left > self._warning_seconds:
            warning = loop.call_later(left - self._warning_seconds, self._on_expiring, connection)
            connection.timers = (warning, expired)
        else:
            connection.timers = (expired,)


def _cancel(timers: tuple[asyncio.TimerHandle, ...]) -> None:
    for timer in timers:
        timer.cancel()
