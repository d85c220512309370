"""A transport is kept for those who connect on it."""

from __future__ import annotations

import pytest
import socketio
from engineio.async_socket import AsyncSocket

from services.notifier.transports import ReadablePacket, Transports


async def test_f54_a_transport_on_which_nobody_connects_in_time_is_ended() -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    transports = Transports(server)
    for name in ("stranger", "client"):
        server.eio.sockets[name] = AsyncSocket(server.eio, name)
    await server.manager.pre_connect("client", "/")
    await transports.look()
    assert not server.eio.sockets["stranger"].closed
    await transports.look()
    assert {name: socket.closed for name, socket in server.eio.sockets.items()} == {"stranger": True, "client": False}


@pytest.mark.parametrize("nonsense", ["2[", "2[]", "2[{}]", "2[1]", '2{"a":1}', "2", "51-[]"])
def test_an_event_without_a_name_cannot_be_read(nonsense: str) -> None:
    with pytest.raises(ValueError, match=r"without a name|Expecting"):
        ReadablePacket(encoded_packet=nonsense)


def test_an_event_with_a_name_is_read_as_ever() -> None:
    packet = ReadablePacket(encoded_packet='27["join_session",{"session_id":"s"}]')
    assert (packet.id, packet.data) == (7, ["join_session", {"session_id": "s"}])
