"""How far one job is, told its watchers: never backwards, with the time left, and also while nothing moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self
from uuid import UUID

from shared.ending import end_tasks
from shared.events.payloads import Progress, UploadProgress
from shared.runtime.pace import Pace
from shared.runtime.progress import ProgressSender

STILL_WORKING = "still working"
SILENCE_SECONDS = 5.0
"""So long nothing is told before a watcher is told that the work goes on."""
Told = Progress | UploadProgress


def no_note(_: Any) -> None:
    """Nobody else wants to know."""


class Telling:
    """Of one job over all of its phases. Inside ``async with`` it says every few seconds that the work goes on.

    ``make``: the payload of this job, from ``phase``, ``progress``, ``eta_seconds``, ``message`` and what else is told.
    ``percent``: what was told of an attempt before this one. ``note``: gets everything that is told.
    """

    def __init__(
        self,
        sender: ProgressSender,
        user_id: UUID,
        make: Callable[..., Told],
        *,
        percent: float = 0.0,
        note: Callable[[Any], None] = no_note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sender = sender
        self._user_id = user_id
        self._make = make
        self._note = note
        self._clock = clock
        self._pace = Pace(percent, clock=clock)
        self._phase: str | None = None
        self._facts: dict[str, Any] = {}
        self._told_at = clock()
        self._beating: asyncio.Task[None] | None = None
        self.percent = percent
        """Of the whole job, as it was told."""

    async def __aenter__(self) -> Self:
        """Begin to say that the work goes on."""
        self._beating = asyncio.create_task(self._beat_until_cancelled())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            await end_tasks(self._beating)

    def tell(self, phase: str, percent: float, message: str | None = None, **facts: Any) -> None:
        """It is in this phase, and so much of the whole job is done; less than was told is told as that."""
        self.percent = max(self.percent, min(percent, 100.0))
        self._pace.see(self.percent)
        self._phase, self._facts = phase, facts
        self._send(message)

    def beat(self) -> None:
        """Say that the work goes on, if nothing was told for some seconds."""
        if self._phase is not None and self._clock() - self._told_at >= SILENCE_SECONDS:
            self._send(STILL_WORKING)

    def _send(self, message: str | None) -> None:
        self._told_at = self._clock()
        left = self._pace.seconds_left
        told = self._make(
            phase=self._phase,
            progress=self.percent,
            eta_seconds=None if left is None else round(left, 1),
            message=message,
            **self._facts,
        )
        self._note(told)
        self._sender.send(self._user_id, told)

    async def _beat_until_cancelled(self) -> None:
        while True:
            await asyncio.sleep(SILENCE_SECONDS / 5)
            self.beat()
