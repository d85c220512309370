"""Whether stored data can be had, for answers that do without them."""

from __future__ import annotations

import asyncio
import time

from shared.storage.port import ObjectStore

_VALID_SECONDS = 2.0
_PATIENCE_SECONDS = 0.5


class StoreWatch:
    """Asks the store now and then; who wants to know waits half a second at most."""

    def __init__(self) -> None:
        self._available = True
        self._asked_at = float("-inf")

    async def available(self, store: ObjectStore) -> bool:
        """False while the store does not answer."""
        if time.monotonic() - self._asked_at > _VALID_SECONDS:
            self._asked_at = time.monotonic()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    self._available = await store.ready()
            except TimeoutError:
                self._available = False
        return self._available
