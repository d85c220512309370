"""Which replica of the notifier a Socket.IO client's requests go to.

A client over long polling, and one that begins so and goes over to a WebSocket, has to find the same replica with
every request, as each knows its own clients alone. One that opens a WebSocket at once may be anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.types import Scope

_SOCKET_IO = "/socket.io"


def client_key(scope: Scope) -> str | None:
    """What a client's requests have in common, where they have to stay together; None where they need not.

    The query parameter ``cid``, which a page may make up for each client, or else the client's address.
    """
    path: str = scope["path"]
    if path != _SOCKET_IO and not path.startswith(f"{_SOCKET_IO}/"):
        return None
    query = parse_qs(scope["query_string"].decode("latin-1"))
    is_new_websocket = scope["type"] == "websocket" and "sid" not in query
    if is_new_websocket:
        return None
    client = scope.get("client")
    key: str = query.get("cid", [client[0] if client else ""])[0]
    return key


def in_order(addresses: Sequence[str], key: str) -> list[str]:
    """All addresses, those of this key first: the same order in every gateway.

    Highest random weight (Thaler and Ravishankar, 1998): a replica that comes or goes moves its own clients alone.
    """

    def weight(address: str) -> bytes:
        return hashlib.sha256(f"{key}\0{address}".encode()).digest()

    return sorted(addresses, key=weight)
