"""What the trainer takes and answers over HTTP."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from shared.series.configuration_fields import Real
from shared.series.parameters.search import LONGEST_SECONDS
from shared.sessions import status
from shared.web.documents import Document


class TrainModels(Document):
    """Which models to train, and for how long; what is not given is as the session's configuration says."""

    models: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    time_limit_seconds: Real | None = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="Of the whole run, from its beginning."
    )


class TrainingAccepted(Document):
    """The jobs are queued; progress and the end come as events."""

    status: Literal["training_started"] = "training_started"
    run_id: UUID


class CancelAccepted(Document):
    """Running jobs stop within seconds."""

    status: Literal["cancelling"] = "cancelling"
    session_id: str


class JobStatus(status.JobStatus, Document):
    """One model on one target."""


class StatusDocument(status.SessionStanding, Document):
    """Where a session stands: its phase, its newest run's jobs, and the number of its last event."""

    jobs: list[JobStatus]
