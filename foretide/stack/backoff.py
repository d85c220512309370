"""How long to wait before a part that died is started again."""

from __future__ import annotations

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 10.0
HEALTHY_SECONDS = 30.0


class Backoff:
    """0.2 s, 0.4 s ... 10 s for a part that keeps dying; from the start again once it has lived for 30 s."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def after(self, lived_seconds: float) -> float:
        """Seconds to wait after a life of ``lived_seconds``."""
        if lived_seconds >= HEALTHY_SECONDS:
            self._next = FIRST_SECONDS
        wait = self._next
        self._next = min(self._next * 2, LONGEST_SECONDS)
        return wait
