"""Progress for watchers: at most a few messages a second, and the last one always."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from shared.bus.port import Bus
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import Progress
from shared.telemetry.trace import current_traceparent

_SHORTEST_GAP_SECONDS = 0.25


class ProgressSender:
    """Sends in the background: work never waits for its watchers."""

    def __init__(self, bus: Bus, *, source: str) -> None:
        self._bus = bus
        self._source = source
        self._waiting: dict[str, Envelope] = {}
        self._last_sent: dict[str, float] = {}
        self._sending: asyncio.Task[None] | None = None

    def send(self, session_id: str, user_id: UUID, progress: Progress) -> None:
        """Tell it soon; a newer message of the same job replaces one that still waits."""
        envelope = Envelope(
            source=f"/foretide/{self._source}",
            type=event_type("progress"),
            subject=session_id,
            userid=str(user_id),
            traceparent=current_traceparent(),
            data=progress.model_dump(mode="json", exclude_none=True),
        )
        self._waiting[f"{session_id} {progress.job_id}"] = envelope
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self._waiting:
            key = min(self._waiting, key=lambda waiting: self._last_sent.get(waiting, 0.0))
            pause = self._last_sent.get(key, 0.0) + _SHORTEST_GAP_SECONDS - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            envelope = self._waiting.pop(key)
            self._last_sent[key] = time.monotonic()
            await self._bus.publish_progress(envelope)
        now = time.monotonic()
        self._last_sent = {key: sent for key, sent in self._last_sent.items() if now - sent < 60.0}
