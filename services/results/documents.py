"""What the results service answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
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
    problem: dict[str, Any] | None = Field(description="Why it failed, where it did: a problem document.")


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


class ForecastFile(Document):
    """A file of a forecast job, and a signed URL to get it with."""

    name: str
    file_size: int
    url: str
    expires_at: datetime


class ForecastJobDocument(Document):
    """A one-shot forecast. Its session has everything else: events, models, plots and the whole comparison."""

    job_id: UUID
    status: Literal["pending", "processing", "completed", "failed"]
    file_name: str
    session_id: str | None
    phase: str | None = Field(description="The session's own, finer status; null before the job is started.")
    columns: list[dict[str, Any]]
    time_candidates: list[dict[str, Any]]
    preview: list[list[str]]
    choices: list[dict[str, Any]] | None = Field(description="{name, value, reason} of everything that was chosen.")
    model_used: str | None
    metrics: dict[str, dict[str, Any]] | None = Field(description="Of that model, by target, in original units.")
    error_message: str | None
    problem: dict[str, Any] | None
    files: list[ForecastFile]
    created_at: datetime
    updated_at: datetime
