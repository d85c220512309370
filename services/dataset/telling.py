"""What watchers are told of a dataset that is made."""

from __future__ import annotations

from functools import partial

from shared.events.payloads import Progress
from shared.jobs.worker import Job
from shared.runtime.progress import ProgressSender
from shared.runtime.telling import Telling
from shared.shares import TellShare, part_of

_PARTS = {
    "fetching": ("windowing", 0.0, 5.0),
    "windowing": ("windowing", 5.0, 40.0),
    "scaling": ("scaling", 40.0, 70.0),
    "plots": ("storing", 70.0, 85.0),
    "storing": ("storing", 85.0, 100.0),
}
"""The parts of the work: the phase that watchers know, and the percent of the whole that it leads from and to."""


def telling_of(job: Job, sender: ProgressSender) -> Telling:
    """To the session's watchers, and to whoever asks where the dataset is."""
    return Telling(
        sender,
        job.row["user_id"],
        partial(Progress, session_id=job.row["session_id"], job_id=job.claim.job_id),
        percent=job.progress,
        note=lambda told: job.report(told.progress, eta_seconds=told.eta_seconds),
    )


def part_told(telling: Telling, part: str) -> TellShare:
    """For whoever does this part of the work."""
    phase, begin, end = _PARTS[part]
    return part_of(lambda percent: telling.tell(phase, percent, None if part == phase else part), begin, end)
