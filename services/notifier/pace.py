"""Progress at a pace that people can follow: few messages a second, the last of each phase always, never backwards."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from services.notifier.messages import SocketMessage, phase_message, progress_message
from shared.events.envelope import Envelope

PER_SECOND = 4
"""Messages of progress in any one second of a session."""

_WINDOW_SECONDS = 1.0


class Pace:
    """What of one session's progress is still to be told, and when. Pure but for its clock (seconds).

    A newer message replaces one that waits of the same job and phase only, so the last of a phase is never dropped. It
    takes that one's place, unless another phase of the job was told of since: percents are told in their order.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[tuple[str, str], Envelope] = {}
        self._told: deque[float] = deque(maxlen=PER_SECOND)
        self._highest: dict[str, float] = {}
        self._phases: dict[str, str] = {}

    def offer(self, envelope: Envelope) -> None:
        """Something new; a percent below what was told of the job already is raised to that (lesson F78)."""
        job = str(envelope.data.get("job_id") or envelope.data.get("upload_id") or "")
        percent = max(float(envelope.data["progress"]), self._highest.get(job, 0.0))
        self._highest[job] = percent
        data = {**envelope.data, "progress": percent}
        key = job, envelope.data["phase"]
        if next((waiting for waiting in reversed(self._waiting) if waiting[0] == job), key) != key:
            self._waiting.pop(key, None)
        self._waiting[key] = envelope.model_copy(update={"data": data})

    def waits(self, job: str | None = None) -> bool:
        """Whether something, or something of this job, is still to be told."""
        return any(job in (None, key[0]) for key in self._waiting)

    def pause(self) -> float:
        """Seconds until the next message may be told."""
        if len(self._told) < PER_SECOND:
            return 0.0
        return max(0.0, self._told[0] + _WINDOW_SECONDS - self._clock())

    def take(self, job: str | None = None) -> list[SocketMessage]:
        """What to tell now: of that job, or the oldest; a phase that begins is told before it."""
        key = next(key for key in self._waiting if job in (None, key[0]))
        envelope = self._waiting.pop(key)
        self._told.append(self._clock())
        of_job, phase = key
        progress = progress_message(envelope)
        if self._phases.get(of_job) == phase:
            return [progress]
        self._phases[of_job] = phase
        return [phase_message(envelope), progress]

    def forget(self) -> None:
        """What waits is of work that was ended."""
        self._waiting.clear()


def jobs_of(envelope: Envelope) -> list[str]:
    """The jobs that an event is about: a model's training, the making of a dataset."""
    return [str(envelope.data[name]) for name in ("job_id", "dataset_id") if envelope.data.get(name)]
