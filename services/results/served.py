"""The served model of each target: a pointer, moved to a model once that is stored whole, or by a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.problems import not_found

_MOVE = """
insert into public.served_models (session_id, user_id, target, job_id, pinned)
select job.session_id, job.user_id, job.target, job.id, $2 from public.training_jobs job
where job.id = $1 and exists (
    select from public.training_results result where result.job_id = job.id and result.status = 'completed'
)
on conflict (session_id, target) do update
    set job_id = excluded.job_id, pinned = excluded.pinned, moved_at = now()
    where excluded.pinned or not served_models.pinned
"""
_SHOWN = """
select served.target, served.job_id, served.pinned, served.moved_at, job.model, run.id as run_id, run.number as run
from public.served_models served
join public.training_jobs job on job.id = served.job_id
join public.training_runs run on run.id = job.run_id
where served.session_id = $1 order by served.target
"""


async def serve_best(transaction: Transaction, best: dict[str, Any]) -> None:
    """Point every target that no person has pinned to this candidate (a row of the leaderboard)."""
    for entry in best["targets"].values():
        await transaction.execute(_MOVE, UUID(entry["job_id"]), False)


async def pin(transaction: Transaction, session_id: str, job_id: UUID) -> None:
    """Point the job's target to it until a person says otherwise. Raises a 404 problem unless its results are there."""
    if await transaction.fetch_value(
        "select true from public.training_jobs where id = $1 and session_id = $2", job_id, session_id
    ):
        moved = await transaction.execute(_MOVE, job_id, True)
        if moved:
            return
    raise not_found("Stored model", str(job_id))


async def unpin(transaction: Transaction, session_id: str) -> None:
    """Every target follows the newest completed run again."""
    await transaction.execute(
        "update public.served_models set pinned = false where session_id = $1 and pinned", session_id
    )
    best = await newest_best(transaction, session_id)
    if best:
        await serve_best(transaction, best)


async def newest_best(transaction: Transaction, session_id: str) -> dict[str, Any] | None:
    """The best model of the newest completed run, as its leaderboard has it; None where no run has completed."""
    best: dict[str, Any] | None = await transaction.fetch_value(
        """select best_model from public.training_results
           where session_id = $1 and status = 'completed' and best_model is not null
           order by created_at desc limit 1""",
        session_id,
    )
    return best


async def served_models(transaction: Transaction, session_id: str) -> list[Record]:
    """By target: ``target, job_id, pinned, moved_at, model, run_id, run`` (the run's number)."""
    return await transaction.fetch(_SHOWN, session_id)
