"""Progress for watchers: at most a few messages a second, and the last one of each phase always."""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.bus.port import Bus
from shared.ending import end_tasks
from shared.events.catalogue import definition_of
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import Progress, UploadProgress
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_traceparent

log = logger(__name__)

GAP_SECONDS = 0.25
_STOP_SECONDS = 5.0


class Waiting:
    """What is to be told of one session or upload: of each job and phase the newest.

    Jobs take turns; what is told of one job keeps its order, so that it never goes backwards.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Envelope]] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def put(self, job: str, phase: str, envelope: Envelope) -> None:
        """In place of one of the same job and phase that still waits."""
        phases = self._jobs.setdefault(job, {})
        phases.pop(phase, None)
        phases[phase] = envelope

    def take(self) -> Envelope:
        """The oldest of the job whose turn it is; that job is the last one afterwards."""
        job, phases = next(iter(self._jobs.items()))
        del self._jobs[job]
        envelope = phases.pop(next(iter(phases)))
        if phases:
            self._jobs[job] = phases
        return envelope


class ProgressSender:
    """Sends in the background: work never waits for its watchers.

    Of one session or upload at most one message in ``gap_seconds``, whatever number of jobs it has here.
    """

    def __init__(self, bus: Bus, *, source: str, gap_seconds: float = GAP_SECONDS) -> None:
        self._bus = bus
        self._source = source
        self._gap_seconds = gap_seconds
        self._waiting: dict[str, Waiting] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    def send(self, user_id: UUID, told: Progress | UploadProgress) -> None:
        """Tell it soon; a newer message of the same job and phase replaces one that still waits."""
        definition = definition_of(told)
        subject = str(getattr(told, definition.subject))
        envelope = Envelope(
            source=f"/foretide/{self._source}",
            type=event_type(definition.name),
            subject=subject,
            userid=str(user_id),
            traceparent=current_traceparent(),
            data=told.model_dump(mode="json", exclude_none=True),
        )
        # What users call their uploads is apart from each other's, and from sessions.
        key = f"{definition.name} {user_id} {subject}"
        self._waiting.setdefault(key, Waiting()).put(str(envelope.data.get("job_id")), told.phase, envelope)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._send_waiting(key))

    async def stop(self) -> None:
        """Send at once what still waits, as far as the bus takes it within seconds."""
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks.values(), timeout=_STOP_SECONDS)
        await end_tasks(*late)

    async def _send_waiting(self, key: str) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._publish(waiting.take())
                await self._pause()
        finally:
            del self._waiting[key], self._tasks[key]

    async def _publish(self, envelope: Envelope) -> None:
        try:
            await self._bus.publish_progress(envelope)
        except Exception as error:
            # Transient, and told again: no reason to stop telling.
            log.warning("progress not sent", subject=envelope.subject, error=str(error))

    async def _pause(self) -> None:
        """After the last message, too: the next one may not follow at once."""
        try:
            async with asyncio.timeout(self._gap_seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
