"""A free port for a test's own server."""

from __future__ import annotations

import random
import socket

from foretide.stack.ports import reserve

_RESERVED: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, below those that the system gives to outgoing connections.

    It is this process's until that ends: no other test chooses it.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if (reserved := reserve(port)) is not None:
            _RESERVED.append(reserved)
            return port
