"""One-shot forecast jobs: their rows follow what their sessions' events say, each event once and none out of order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from services.results.documents import ForecastFile, ForecastJobDocument
from shared.bus.topology import Subscription
from shared.database.pool import Database, Record, Transaction
from shared.delivery.inbox import handled_once
from shared.events.envelope import Envelope
from shared.events.payloads import (
    DatasetsFailed,
    ForecastCompleted,
    ForecastFailed,
    Payload,
    Reference,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingStarted,
)
from shared.problems import Category, Problem, ProblemError, not_found
from shared.runtime.service import Service
from shared.sessions.forecast_jobs import own_forecast_job
from shared.storage.keys import FORECAST_UPLOADS
from shared.storage.port import ObjectStore

# Queues are apart, so a run's end may be heard after the next one's beginning: the newest event counts.
_FOLLOW = """
update public.forecast_jobs set status = $3, model_used = $4, metrics = $5, error_message = $6, problem = $7,
    followed = $2
where session_id = $1 and followed < $2
"""
_KEEP_OUTPUTS = "update public.forecast_jobs set outputs = $2, output_file_path = $3 where session_id = $1"


async def on_training_started(transaction: Transaction, envelope: Envelope, event: TrainingStarted) -> None:
    """At work; for a job that had failed, again."""
    await _follow(transaction, envelope, event.session_id, "processing")


async def on_training_completed(transaction: Transaction, envelope: Envelope, event: TrainingCompleted) -> None:
    """The best model is the one that is used; its metrics by target. The trainer forecasts with it now."""
    best = event.best_model or {}
    await _follow(
        transaction, envelope, event.session_id, "processing", model=best.get("model"), metrics=best.get("targets")
    )


async def on_forecast_completed(transaction: Transaction, envelope: Envelope, event: ForecastCompleted) -> None:
    """All that it ends with is stored."""
    is_news = await _follow(
        transaction, envelope, event.session_id, "completed", model=event.model, metrics=event.metrics
    )
    if is_news:
        outputs = {name: reference.model_dump(mode="json") for name, reference in event.outputs.items()}
        await transaction.execute(_KEEP_OUTPUTS, event.session_id, outputs, event.outputs["output.json"].key)


async def on_failed(
    transaction: Transaction, envelope: Envelope, event: TrainingFailed | DatasetsFailed | ForecastFailed
) -> None:
    """With the reason that the session has."""
    await _follow(transaction, envelope, event.session_id, "failed", problem=event.problem)


async def on_training_cancelled(transaction: Transaction, envelope: Envelope, event: TrainingCancelled) -> None:
    """A job has no state of its own for that: it failed, because somebody wanted so."""
    cancelled = ProblemError(
        Category.CANCELLED,
        title="The forecast was cancelled",
        detail="The session that was making it was cancelled.",
        recovery=["Start the job again."],
    )
    await _follow(transaction, envelope, event.session_id, "failed", problem=cancelled.problem)


async def _follow(
    transaction: Transaction,
    envelope: Envelope,
    session_id: str,
    status: str,
    *,
    model: str | None = None,
    metrics: dict[str, Any] | None = None,
    problem: Problem | None = None,
) -> bool:
    """False where a later event was followed already."""
    followed = await transaction.execute(
        _FOLLOW,
        session_id,
        envelope.sequence_number,
        status,
        model,
        metrics,
        problem.user_message if problem else None,
        problem.model_dump(mode="json") if problem else None,
    )
    return bool(followed)


_FOLLOWED: tuple[tuple[str, type[Payload], Callable[[Transaction, Envelope, Any], Awaitable[None]]], ...] = (
    ("training.started", TrainingStarted, on_training_started),
    ("training.completed", TrainingCompleted, on_training_completed),
    ("training.failed", TrainingFailed, on_failed),
    ("training.cancelled", TrainingCancelled, on_training_cancelled),
    ("datasets.failed", DatasetsFailed, on_failed),
    ("forecast.completed", ForecastCompleted, on_forecast_completed),
    ("forecast.failed", ForecastFailed, on_failed),
)


def follow_sessions(service: Service, database: Database) -> None:
    """Subscribe to everything that a job's state depends on."""
    for message, payload, effect in _FOLLOWED:
        subscription = Subscription("results", message, "event")
        service.bus.subscribe(subscription, handled_once(database, subscription.queue, payload, effect))


async def forecast_job(database: Database, store: ObjectStore, user_id: UUID, job_id: UUID) -> ForecastJobDocument:
    """The caller's job. Raises a 404 problem."""
    async with database.transaction(user_id) as transaction:
        job = await own_forecast_job(transaction, user_id, job_id)
    return ForecastJobDocument(
        job_id=job["id"],
        phase=job["session_status"],
        files=await _files(store, job),
        **{name: job[name] for name in ForecastJobDocument.model_fields if name not in ("job_id", "phase", "files")},
    )


async def output_of(database: Database, user_id: UUID, job_id: UUID, name: str) -> Reference:
    """One of the files that the caller's job ended with. Raises a 404 problem, also before it has ended."""
    async with database.transaction(user_id) as transaction:
        job = await own_forecast_job(transaction, user_id, job_id)
    reference = (job["outputs"] or {}).get(name)
    if reference is None or job["status"] != "completed":
        raise not_found(f"File {name} of forecast job", str(job_id))
    return Reference.model_validate(reference)


async def _files(store: ObjectStore, job: Record) -> list[ForecastFile]:
    """What the job began with, and what it ended with once it has."""
    found = [await _file(store, "input.csv", job["input_file_path"], job["raw"]["bytes"], job["file_name"])]
    if job["status"] == "completed":
        outputs = {name: Reference.model_validate(entry) for name, entry in (job["outputs"] or {}).items()}
        found += [await _file(store, name, outputs[name].key, outputs[name].bytes, name) for name in sorted(outputs)]
    return found


async def _file(store: ObjectStore, name: str, key: str, size: int, download_name: str) -> ForecastFile:
    signed = await store.signed_url(FORECAST_UPLOADS, key, download_name=download_name)
    return ForecastFile(name=name, file_size=size, url=signed.url, expires_at=signed.expires_at)
