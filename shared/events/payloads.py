"""What the messages carry: references and facts, never arrays (claim check).

A field may be added to a model; none may be renamed, removed or change its meaning under the same version:
``tests/contract/test_catalogue.py`` compares these models with the published snapshot.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.problems import Problem


class Payload(BaseModel):
    """Base of all payloads: immutable, and tolerant of fields that a newer sender adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Reference(Payload):
    """Where an object lies and how to know that it is whole."""

    bucket: str
    key: str
    sha256: str = Field(description="Lower-case hexadecimal SHA-256 of the object's bytes.")
    bytes: int = Field(ge=0)


class SessionCreated(Payload):
    """A session exists; its files follow as ``file.uploaded``."""

    session_id: str
    name: str
    files: int = Field(ge=0, description="How many files it was created with.")


class FileUploaded(Payload):
    """A whole file is in the store, read and analysed: when it comes, and again when it was read in another way."""

    session_id: str
    file_id: UUID
    file_name: str
    file_type: Literal["input", "output"]
    raw: Reference = Field(description="The bytes as uploaded.")
    canonical: Reference = Field(description="Typed, sorted Parquet copy with UTC timestamps.")
    rows: int = Field(ge=0)
    columns: list[str]
    time_column: str | None
    step_minutes: float | None
    first_time: str | None
    last_time: str | None
    analysis: dict[str, Any] = Field(
        default_factory=dict,
        description="What was found, as the file's analysis tells it; of a large one without its longest lists.",
    )


class FileRejected(Payload):
    """An upload was refused before any session had it; the problem says why and what to do."""

    upload_id: str
    file_name: str
    problem: Problem


class SessionDeleted(Payload):
    """The session is going: every service removes what it holds of it."""

    session_id: str


class SessionPurged(Payload):
    """Nothing is left of a deleted session: files, datasets, models, results, plots and rows are gone everywhere."""

    session_id: str


class DatasetsGenerated(Payload):
    """Training windows are made and stored."""

    session_id: str
    dataset_id: UUID
    dataset_count: int = Field(ge=1)
    windows: int = Field(ge=1)
    train: int
    validation: int
    test: int
    dropped: int = Field(ge=0)
    input_features: list[str]
    target_features: list[str]
    dataset: Reference
    manifest: Reference
    violin_plots: list[Reference]
    duration_seconds: float
    run_after: bool = Field(default=False, description="Training was asked for together with the datasets.")


class DatasetsFailed(Payload):
    """No datasets could be made."""

    session_id: str
    dataset_id: UUID
    problem: Problem


class JobSummary(Payload):
    """One job of a run: one model on one target."""

    job_id: UUID
    model: str
    target: str


class TrainingStarted(Payload):
    """A run was accepted and its jobs are queued."""

    session_id: str
    run_id: UUID
    dataset_id: UUID
    jobs: list[JobSummary]


class ModelTrained(Payload):
    """One model is trained and evaluated; its artifacts are in the store, waiting to be filed."""

    session_id: str
    run_id: UUID
    job_id: UUID
    model: str
    target: str
    attempt: int = Field(ge=1)
    metrics: dict[str, Any]
    duration_seconds: float
    epochs_requested: int | None = None
    epochs_completed: int | None = None
    search: dict[str, Any] | None = Field(
        default=None, description="What a search has found: the parameters, their trial and its loss, and how many ran."
    )
    artifacts: dict[str, Reference] = Field(description="By name: model, scalers, forecasts, evaluation, …")


class ModelFailed(Payload):
    """One job ended without a model."""

    session_id: str
    run_id: UUID
    job_id: UUID
    model: str
    target: str
    problem: Problem


class TrainingCancelled(Payload):
    """The owner ended what the session was at: a run, or (without ``run_id``) the making of its datasets."""

    session_id: str
    run_id: UUID | None = None


class ResultsStored(Payload):
    """One model's results are filed and readable."""

    session_id: str
    run_id: UUID
    job_id: UUID
    result_id: UUID
    model: str
    target: str
    results_file_path: str
    file_size_bytes: int
    metrics: dict[str, Any]


class TrainingCompleted(Payload):
    """Every job of the run has ended and at least one has stored results."""

    session_id: str
    run_id: UUID
    evaluation_metrics: list[dict[str, Any]]
    best_model: dict[str, Any] | None
    failed: int = Field(ge=0)


class TrainingFailed(Payload):
    """Every job of the run has ended and none has results, or (without ``run_id``) it could not begin."""

    session_id: str
    run_id: UUID | None = None
    problem: Problem


class ForecastCompleted(Payload):
    """A one-shot job's forecast of what follows its data is stored."""

    session_id: str
    forecast_job_id: UUID
    run_id: UUID
    model: str
    metrics: dict[str, Any] = Field(description="Of that model, by target.")
    outputs: dict[str, Reference] = Field(description="output.json, forecast.csv and forecast.png.")


class ForecastFailed(Payload):
    """A one-shot job's models are trained and stored, and what follows its data could not be forecast."""

    session_id: str
    forecast_job_id: UUID
    run_id: UUID
    problem: Problem


class ResultsDeleted(Payload):
    """Results (rows and objects) of a session are gone."""

    session_id: str
    results: int
    objects: int


class DatasetGenerate(Payload):
    """Command to the dataset workers: make this dataset."""

    session_id: str
    dataset_id: UUID


class TrainingStart(Payload):
    """Command to the trainer: start a run of the stored configuration's models, or of those given."""

    session_id: str
    models: list[dict[str, Any]] | None = None
    time_limit_seconds: float | None = Field(
        default=None, ge=1, le=7 * 86400, description="Of the whole run; none: the stored configuration's."
    )


class TrainingCancel(Payload):
    """Command to the trainer: end the session's run."""

    session_id: str


class ModelTrain(Payload):
    """Command to the trainer workers: run this job."""

    session_id: str
    run_id: UUID
    job_id: UUID


class SessionDelete(Payload):
    """Command to the upload service: delete this session everywhere."""

    session_id: str


MODEL_TRAINED_PERCENT = 97.0
"""Of a model's whole job: the trainer tells of it up to here, and the results service, which files it, from here on."""


class Progress(Payload):
    """How far something is; transient: the database has the truth, this only makes it visible at once."""

    session_id: str
    phase: Literal["upload", "analysis", "windowing", "scaling", "training", "evaluation", "storing", "datasets"] = (
        Field(description="`datasets` is what older services sent for `windowing` and `scaling`.")
    )
    progress: float = Field(
        ge=0, le=100, description="Percent of the whole job: over its phases and attempts it never goes backwards."
    )
    job_id: UUID | None = Field(default=None, description="A model's job, a dataset, or the reading of a file.")
    model: str | None = None
    target: str | None = None
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None
    val_loss: float | None = None
    eta_seconds: float | None = Field(
        default=None,
        description="Until the job is at 100 percent, from the speed so far; absent while that is unknown.",
    )
    message: str | None = None


class UploadProgress(Payload):
    """How far the server is with a file that no session has yet; transient, to its owner alone."""

    upload_id: str
    file_name: str
    phase: Literal["upload", "analysis"] = Field(
        description="Put together from what was sent, then checked, read and analysed."
    )
    progress: float = Field(ge=0, le=100, description="Percent of both phases; it never goes backwards.")
    eta_seconds: float | None = Field(
        default=None, description="Until 100 percent, from the speed so far; absent while that is unknown."
    )
    message: str | None = None
