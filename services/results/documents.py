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
    formats: list[Literal["json.gz", "parquet", "csv", "zip"]] = Field(description="In which it can be downloaded.")
    results_metadata: dict[str, Any]
    evaluation_metrics: dict[str, Any] | None
    model_performance: dict[str, Any] | None
    problem: dict[str, Any] | None = Field(description="Why it failed, where it did: a problem document.")


class ServedModel(Document):
    """The model that answers forecasts of a target."""

    target: str
    job_id: UUID
    model: str
    run_id: UUID
    run: int = Field(description="The run's number in its session.")
    pinned: bool = Field(description="A person chose it: runs that complete do not move it.")
    moved_at: datetime


class ChooseServed(Document):
    """Which model is to answer forecasts of its target."""

    job_id: UUID | None = Field(description="Until it is changed; null: the best of the newest completed run again.")


class ResultsDocument(Document):
    """A session's results, newest run first, with the newest run's comparison."""

    session_id: str
    run_id: UUID | None
    status: str = Field(description="Of the newest run: running, completed, failed or cancelled.")
    results: list[ResultDocument]
    next_cursor: str | None = Field(description="Of the results; null on the last page.")
    best_model: dict[str, Any] | None
    comparison: list[dict[str, Any]] = Field(description="The newest run's models, best first.")
    served: list[ServedModel]
    data_available: bool = Field(
        description="False while the object store does not answer: metadata is all there is for now."
    )


class ComparedRun(Document):
    """One run and its models, best first."""

    run_id: UUID
    run: int = Field(description="Its number in its session.")
    status: str
    dataset_id: UUID
    created_at: datetime
    ended_at: datetime | None
    models: list[dict[str, Any]]


class RunComparison(Document):
    """Runs side by side. ``comparable`` is false where their data sets differ: other windows, other errors."""

    session_id: str
    runs: list[ComparedRun]
    comparable: bool
    best_run: int | None = Field(description="The number of the one with the best model, where they are comparable.")


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
