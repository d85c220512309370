"""How far a session's newest run is as a whole: what one bar shows, whatever number of models it has."""

from __future__ import annotations

from collections.abc import Mapping

from shared.events.envelope import Envelope

_ENDED = ("results.stored", "model.failed")


class RunProgress:
    """The mean percent of the run's jobs, as told so far; it never goes back within a run (lesson F78)."""

    def __init__(self, jobs: Mapping[str, float] | None = None) -> None:
        """``jobs``: percent by job, as the database has them."""
        self._jobs = dict(jobs or {})
        self._highest = 0.0

    def hear(self, envelope: Envelope) -> None:
        """Progress of a job, or an event: a run that begins, a job that ends."""
        if envelope.name == "training.started":
            self._jobs, self._highest = {str(job["job_id"]): 0.0 for job in envelope.data["jobs"]}, 0.0
        job = str(envelope.data.get("job_id"))
        if job in self._jobs:
            percent = 100.0 if envelope.name in _ENDED else float(envelope.data.get("progress", 0.0))
            self._jobs[job] = max(self._jobs[job], percent)

    @property
    def percent(self) -> float | None:
        """From 0 to 100; None while no run is known."""
        if not self._jobs:
            return None
        self._highest = max(self._highest, sum(self._jobs.values()) / len(self._jobs))
        return round(self._highest, 2)
