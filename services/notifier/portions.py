"""What waits for a client that polls is taken in portions.

The library puts all that waits into the answer to one poll; its own client for Python ends a connection whose poll
brings more than 16 messages (``engineio.payload.Payload.max_decode_packets``), and would do so again with every replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LARGEST_PORTION = 16
"""Messages in the answer to one poll at most."""


class Portions(asyncio.Queue[Any]):
    """A queue that says to be empty when a portion was taken without waiting, until the next one is waited for.

    ``polled``: whether its client polls; one with a WebSocket takes all at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0
        self.polled: Callable[[], bool] = lambda: True

    async def get(self) -> Any:
        """The first of a portion."""
        self._taken = 0
        return await super().get()

    def get_nowait(self) -> Any:
        """One more of the portion. Raises ``asyncio.QueueEmpty`` at its end."""
        if self._taken >= LARGEST_PORTION and self.polled():
            raise asyncio.QueueEmpty
        taken = super().get_nowait()
        self._taken += 1
        return taken

    def throw_away(self) -> None:
        """Nothing waits any more."""
        while not self.empty():
            self._taken = 0
            self.get_nowait()
            self.task_done()
