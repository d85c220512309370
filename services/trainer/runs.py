"""Runs: models times targets become jobs, in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from services.trainer.outcomes import fail_model
from services.trainer.search.beginning import check_searches, insert_search
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.rows import is_trial
from services.trainer.sizes import check_sizes
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import (
    JobSummary,
    ModelTrain,
    TrainingCancelled,
    TrainingStarted,
)
from shared.jobs import lease
from shared.problems import Category, Problem, ProblemError
from shared.series.model_parameters import parse_models
from shared.series.parameters.base import ModelParameters
from shared.series.search_space import document_of
from shared.sessions.rows import busy, require_move
from shared.sessions.state import ALLOWED_FROM, SessionStatus


async def start_run(
    transaction: Transaction,
    user_id: UUID,
    session: Record,
    models: list[dict[str, Any]] | None,
    *,
    time_limit_seconds: float | None = None,
) -> UUID:
    """Queue one job for each model and target of the newest dataset. Runs as the service.

    Without models, or without a limit of time, those of the session's configuration count.

    Raises a problem for unknown models or parameters, for models that do not fit the data, without a dataset, and a
    409 while a run is under way.
    """
    session_id = session["session_id"]
    if session["status"] not in ALLOWED_FROM[SessionStatus.TRAINING]:
        raise busy(session, SessionStatus.TRAINING)
    dataset = await _ready_dataset(transaction, session_id)
    configuration = session["configuration"] or {}
    chosen = parse_models(models if models is not None else configuration.get("models", []))
    limit = time_limit_seconds if time_limit_seconds is not None else configuration.get("time_limit_seconds")
    manifest = dataset["metadata"]["manifest"]
    targets: list[str] = manifest["target_features"]
    _, steps_in, columns = manifest["shapes"]["inputs"]
    _, steps_out, _ = manifest["shapes"]["targets"]
    inputs, outputs = (steps_in, columns), (steps_out, 1)
    for model in chosen:
        check_sizes(model, inputs, outputs, manifest["split"]["train"])
    check_searches(chosen, inputs, outputs, manifest["split"], len(targets))
    await require_move(transaction, session, SessionStatus.TRAINING)
    run_id = uuid4()
    await transaction.execute(
        """insert into public.training_runs (id, session_id, user_id, dataset_id, number, deadline)
           select $1, $2, $3, $4, coalesce(max(number), 0) + 1, now() + make_interval(secs => $5)
           from public.training_runs where session_id = $2""",
        run_id,
        session_id,
        user_id,
        dataset["id"],
        limit,
    )
    jobs = [(uuid4(), model, target) for model in chosen for target in targets]
    commands: list[UUID] = []
    for position, (job_id, model, target) in enumerate(jobs):
        await _insert_job(transaction, run_id, session_id, user_id, position, job_id, model, target)
        commands += [job_id] if model.search is None else await insert_search(transaction, job_id, model.search)
    started = TrainingStarted(
        session_id=session_id,
        run_id=run_id,
        dataset_id=dataset["id"],
        jobs=[JobSummary(job_id=job_id, model=model.kind, target=target) for job_id, model, target in jobs],
    )
    await outbox.record(transaction, started, source="trainer", session_id=session_id, user_id=user_id)
    for job_id in commands:
        command = ModelTrain(session_id=session_id, run_id=run_id, job_id=job_id)
        await outbox.record(transaction, command, source="trainer", session_id=session_id, user_id=user_id)
    return run_id


async def _ready_dataset(transaction: Transaction, session_id: str) -> Record:
    row = await transaction.fetch_row(
        """select id, metadata from public.training_datasets where session_id = $1 and status = 'ready'
           order by created_at desc limit 1""",
        session_id,
    )
    if row is None:
        raise ProblemError(
            Category.CONFLICT,
            title="There is no dataset to train on",
            detail="The session has no finished dataset yet.",
            recovery=[f"POST /api/training/generate-datasets/{session_id} and wait for datasets.generated."],
        )
    return row


async def _insert_job(
    transaction: Transaction,
    run_id: UUID,
    session_id: str,
    user_id: UUID,
    position: int,
    job_id: UUID,
    model: ModelParameters,
    target: str,
) -> None:
    await transaction.execute(
        """insert into public.training_jobs (id, run_id, session_id, user_id, position, model, target, parameters)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        job_id,
        run_id,
        session_id,
        user_id,
        position,
        model.kind,
        target,
        document_of(model, {}),
    )


async def cancel(transaction: Transaction, user_id: UUID, session: Record) -> None:
    """End what the session is at: its workers notice within a second. Runs as the service.

    Raises a 409 problem when it is at nothing.
    """
    session_id = session["session_id"]
    await require_move(transaction, session, SessionStatus.CANCELLED)
    await lease.cancel_all(transaction, "training_datasets", session_id)
    await lease.cancel_all(transaction, "training_jobs", session_id)
    run_id = await transaction.fetch_value(
        """update public.training_runs set status = 'cancelled', ended_at = now()
           where session_id = $1 and status = 'running' returning id""",
        session_id,
    )
    await outbox.record(
        transaction,
        TrainingCancelled(session_id=session_id, run_id=run_id),
        source="trainer",
        session_id=session_id,
        user_id=user_id,
    )


async def fail_job(transaction: Transaction, held: lease.Claim, row: Record, problem: Problem) -> None:
    """Write the failure of a model, or of a trial, under the claim."""
    if is_trial(row):
        await end_trial(transaction, held, row, Ended("failed", problem=problem))
    else:
        await fail_model(transaction, held, row, problem)
