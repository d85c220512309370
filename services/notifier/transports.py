"""Transports below the connections: those that nobody connects on, or that bring nonsense, are ended.

The library keeps a transport for as long as it answers pings, whoever is at its other end, and writes a traceback for
every packet that it cannot read.
"""

from __future__ import annotations

import asyncio
from typing import Any

import socketio

from shared.ending import end_tasks
from shared.telemetry.logs import logger

log = logger(__name__)

_LOOK_SECONDS = 20.0
_NAMESPACE = "/"


async def end_transport(socket: Any, *, reason: str | None = None) -> None:
    """End one of the library's sockets as if it had been lost: the official client comes back by itself."""
    await socket.close(wait=False, reason=reason)
    # Ends the library's writer, which ends the connection.
    socket.queue.put_nowait(None)


class ReadablePacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet whose event has a name."""

    def decode(self, encoded_packet: str) -> Any:
        """As the library. Raises ``ValueError`` for an event that it could not pass on."""
        attachments = super().decode(encoded_packet)
        if self.packet_type in (socketio.packet.EVENT, socketio.packet.BINARY_EVENT):
            name = self.data[0] if isinstance(self.data, list) and self.data else None
            if not isinstance(name, str):
                raise ValueError("an event without a name")
        return attachments


class Transports:
    """Watches over a server's transports; in the background between ``start`` and ``stop``."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._server = server
        self._strangers: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._pass_on = server.eio.handlers["message"]
        server.eio.on("message", self._hear)

    async def start(self) -> None:
        """Look after strangers in the background."""
        self._task = asyncio.create_task(self._look_for_ever(), name="transports")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            await end_tasks(self._task)

    async def look(self) -> None:
        """End those on which nobody is connected, nor was at the last look: refused, gone, or never come."""
        manager = self._server.manager
        strangers = {
            transport
            for transport in self._server.eio.sockets
            if manager.sid_from_eio_sid(transport, _NAMESPACE) is None
        }
        for transport in strangers & self._strangers:
            await self._end(transport)
        self._strangers = strangers

    async def _hear(self, transport: str, data: Any) -> None:
        socket = self._server.eio.sockets.get(transport)
        if socket is None or socket.closed:
            # What was on its way when it was ended.
            return
        try:
            await self._pass_on(transport, data)
        except Exception as error:
            # As the reference implementation does: what follows a packet that cannot be read means nothing.
            log.warning("transport with nonsense ended", transport=transport, error=repr(error)[:200])
            await self._end(transport)

    async def _end(self, transport: str) -> None:
        socket = self._server.eio.sockets.get(transport)
        if socket is not None and not socket.closed:
            await end_transport(socket)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except Exception:
                log.exception("transports not looked after")
