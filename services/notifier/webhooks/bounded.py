"""How much of an answer is taken in, however fast and endless it comes: reading it is work for the whole process.

Without a bound a receiver that sends nothing but ``100 Continue``, or headers, or chunks of one byte, keeps the event
loop busy for as long as an attempt may take, and with it every socket that the notifier serves.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler

_MOST_BYTES = 128 * 1024
"""Of status, headers, and what is read of a body."""
_AT_ONCE_BYTES = 16 * 1024
"""What the kernel keeps for us, and so what is looked at before others have their turn."""


def bounded(connector: aiohttp.TCPConnector) -> aiohttp.TCPConnector:
    """Cuts connections over which more comes than an answer needs; a body that nobody reads waits with its sender."""
    handler: type[ResponseHandler] = _BoundedHandler
    # aiohttp has no option for it.
    connector._factory = partial(handler, loop=asyncio.get_running_loop())
    return connector


class _BoundedHandler(ResponseHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._bytes_left = _MOST_BYTES

    def data_received(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        super().data_received(data)
        if self._bytes_left < 0 and self.transport is not None:
            self.set_exception(aiohttp.ClientConnectionError(f"The answer is not over after {_MOST_BYTES} bytes."))
            self.transport.abort()


def bounded_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """Not connected yet: only before that the kernel can be told how much it is to keep."""
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _AT_ONCE_BYTES)
    return made
