"""What the results service answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.web.documents import Document


class ResultDocument(Document):
    """One model's stored results: metadata only, from the database alone."""

    result_id: UUID
    job_id: UUID | None
    run_id: UUID | None
    status: str
    created_at: datetime
    completed_at: datetime | None
    results_file_path: str | None
    file_size_bytes: int | None
    compressed: bool
    results_metadata: dict[str, Any]
    evaluation_metrics: dict[str, Any] | None
    model_performance: dict[str, Any] | None


class ResultsDocument(Document):
    """A session's results, newest run first, with the newest run's comparison."""

    session_id: str
    run_id: UUID | None
    status: str = Field(description="Of the newest run: running, completed, failed or cancelled.")
    results: list[ResultDocument]
    best_model: dict[str, Any] | None
    comparison: list[dict[str, Any]] = Field(description="The newest run's models, best first.")


class Visualization(Document):
    """One plot: a signed URL, or the picture itself with ``format=base64``."""

    plot_name: str
    plot_type: str
    job_id: UUID | None
    created_at: datetime
    url: str | None = None
    expires_at: datetime | None = None
    data_base64: str | None = None


class ResultsRemoved(Document):
    """What was removed."""

    results: int
    objects: int
