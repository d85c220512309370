"""What watchers are told of a model that is trained."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.trainer.search.rows import after_search
from shared.events.payloads import MODEL_TRAINED_PERCENT, Progress
from shared.jobs.worker import Job
from shared.runtime.progress import ProgressSender
from shared.runtime.telling import Telling

_PARTS = {
    "training": ("training", 0.0, 85.0),
    "evaluation": ("evaluation", 85.0, 94.0),
    "saving": ("storing", 94.0, 95.0),
    "storing": ("storing", 95.0, MODEL_TRAINED_PERCENT),
}
"""What is done with one model: the phase that watchers know, and the percent that it leads from and to."""
_LOSSES = ("epoch", "epochs", "loss", "val_loss")


class ModelTelling(Telling):
    """To the session's watchers, and to whoever asks where the model is."""

    def __init__(self, job: Job, sender: ProgressSender) -> None:
        row = job.row

        def note(told: Progress) -> None:
            losses = told.model_dump(include=set(_LOSSES), exclude_none=True)
            job.report(told.progress, phase=told.phase, eta_seconds=told.eta_seconds, **losses)

        make = partial(
            Progress, session_id=row["session_id"], job_id=job.claim.job_id, model=row["model"], target=row["target"]
        )
        super().__init__(sender, row["user_id"], make, percent=job.progress, note=note)
        self._row = row

    def tell_part(self, part: str, fraction: float, **losses: Any) -> None:
        """So much of this part is done; ``losses`` are of the epoch that has ended, if one has."""
        phase, begin, end = _PARTS[part]
        self.tell(phase, after_search(self._row, begin + (end - begin) * fraction), **losses)

    def hear(self, message: dict[str, Any]) -> None:
        """What the child says of its progress."""
        losses = {name: message[name] for name in _LOSSES if name in message}
        self.tell_part(message["phase"], float(message["fraction"]), **losses)
