"""Which stored model answers for which target of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError, not_found

_NEEDED = ("model", "model_card", "calibration")
_JOBS = """
select job.id, job.run_id, job.model, job.target, job.artifacts, job.position, dataset.configuration,
    dataset.metadata -> 'references' -> 'manifest' as manifest
from public.training_jobs job
    join public.training_runs run on run.id = job.run_id
    join public.training_datasets dataset on dataset.id = run.dataset_id
where job.session_id = $1 and job.id = any($2) and job.status = 'trained' and job.artifacts is not null
order by job.position
"""
_SERVED = "select target, job_id from public.served_models where session_id = $1 order by target"
_TARGETS = """
select target from public.training_jobs where run_id = (
    select run_id from public.training_results
    where session_id = $1 and status = 'completed' and best_model is not null order by created_at desc limit 1)
group by target order by min(position)
"""
_BEST = """
select best_model -> 'targets' as targets from public.training_results
where session_id = $1 and status = 'completed' and best_model is not null and ($2::uuid is null or run_id = $2)
order by created_at desc limit 1
"""


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A trained job, and the objects that its model is made of, under their own file names."""

    job_id: UUID
    run_id: UUID
    target: str
    files: dict[str, Reference]
    manifest: Reference
    configuration: dict[str, Any]
    """As this session's files are named: a manifest that is shared with another session names that one's."""

    @classmethod
    def of(cls, row: Record) -> ChosenModel:
        """A row of the jobs' query."""
        references = [Reference.model_validate(row["artifacts"][name]) for name in _NEEDED]
        return cls(
            row["id"],
            row["run_id"],
            row["target"],
            {Path(reference.key).name: reference for reference in references},
            Reference.model_validate(row["manifest"]),
            row["configuration"],
        )


async def choose_models(
    transaction: Transaction, session_id: str, *, job_id: UUID | None, run_id: UUID | None, target: str | None
) -> list[ChosenModel]:
    """The asked job's, the run's best, or those that are served: for one target, or for each. Runs as the service.

    Raises a 404 problem for a job or run that the session does not have, a 409 before any model is trained, and
    DATA_VALIDATION for an unknown target.
    """
    if job_id is not None:
        jobs = [job_id]
    elif run_id is not None:
        jobs = list((await _best(transaction, session_id, run_id)).values())
    else:
        jobs = await _served(transaction, session_id, target)
    found = [ChosenModel.of(row) for row in await transaction.fetch(_JOBS, session_id, jobs)]
    if not found:
        if job_id is not None or run_id is not None:
            raise not_found("Trained model of", str(job_id or run_id))
        raise _nothing_trained()
    chosen = [model for model in found if target in (None, model.target)]
    if not chosen:
        raise _unknown_target(str(target), found)
    return chosen


async def _served(transaction: Transaction, session_id: str, asked: str | None) -> list[UUID]:
    """For each target of the newest run the model that is served, or else that run's best one."""
    served = {row["target"]: row["job_id"] for row in await transaction.fetch(_SERVED, session_id)}
    best = await _best(transaction, session_id, None)
    # The best model may lack targets of its run, where its job failed. Targets of earlier runs that this one has no
    # more are forecast where they are asked for alone: their inputs may be others.
    targets = [row["target"] for row in await transaction.fetch(_TARGETS, session_id)]
    if asked in served:
        targets.append(asked)
    found = [served.get(target, best.get(target)) for target in targets]
    return [job_id for job_id in found if job_id is not None] or list(served.values())


async def _best(transaction: Transaction, session_id: str, run_id: UUID | None) -> dict[str, UUID]:
    targets = await transaction.fetch_value(_BEST, session_id, run_id)
    return {target: UUID(entry["job_id"]) for target, entry in (targets or {}).items()}


def _nothing_trained() -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="There is no model yet",
        detail="The session has no model that is trained and stored, so nothing can be forecast from.",
        recovery=["Train the session's models, and wait for training.completed.", "Or name a trained job as jobId."],
    )


def _unknown_target(target: str, models: Sequence[ChosenModel]) -> ProblemError:
    known = ", ".join(repr(model.target) for model in models)
    return ProblemError(
        Category.DATA_VALIDATION,
        title="There is no such target",
        detail=f"target: {target!r} is not forecast by the model; there are: {known}.",
        recovery=["Choose one of those, or leave target out for all."],
    )
