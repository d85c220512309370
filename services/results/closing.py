"""The end of a run, decided once: by the last of its jobs to be filed, failed or cancelled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.results.comparison import Entry, leaderboard
from services.results.served import serve_best
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import TrainingCompleted, TrainingFailed
from shared.problems import Category, Problem, ProblemError
from shared.sessions.rows import move
from shared.sessions.state import SessionStatus

_UNFINISHED = """
select count(*) from public.training_jobs j left join public.training_results r on r.job_id = j.id
where j.run_id = $1 and j.search_of is null and (
    j.status in ('queued', 'running')
    or (j.status = 'trained' and (
        r.id is null or r.status = 'storing' or (r.status = 'failed' and r.summary ->> 'resumes' = 'true')))
)
"""
_FILED = """
select j.id, j.position, j.model, j.target, j.error, j.status,
    r.id as result_id, r.evaluation_metrics, r.model_performance
from public.training_jobs j left join public.training_results r on r.job_id = j.id and r.status = 'completed'
where j.run_id = $1 and j.search_of is null order by j.position
"""


async def close_if_ended(transaction: Transaction, run_id: UUID) -> None:
    """Close the run when nothing of it is left to do. The run's row is locked, so exactly one caller closes it."""
    run = await transaction.fetch_row("select * from public.training_runs where id = $1 for update", run_id)
    if run is None or run["status"] != "running":
        return
    if await transaction.fetch_value(_UNFINISHED, run_id):
        return
    jobs = await transaction.fetch(_FILED, run_id)
    filed = [job for job in jobs if job["result_id"] is not None]
    if filed:
        await _complete(transaction, run, jobs, filed)
    else:
        await _fail(transaction, run, jobs)


async def ranking_of(transaction: Transaction, run_id: UUID) -> list[dict[str, Any]]:
    """The run's leaderboard, of what is stored of it now."""
    jobs = await transaction.fetch(_FILED, run_id)
    return _ranking(jobs, [job for job in jobs if job["result_id"] is not None])


def _ranking(jobs: list[Record], filed: list[Record]) -> list[dict[str, Any]]:
    return leaderboard([_entry(job, targets=_targets(jobs)) for job in filed])


async def _complete(transaction: Transaction, run: Record, jobs: list[Record], filed: list[Record]) -> None:
    ranking = _ranking(jobs, filed)
    await _end(transaction, run, "completed", SessionStatus.COMPLETED, None)
    for job in filed:
        await transaction.execute(
            "update public.training_results set best_model = $2 where id = $1", job["result_id"], ranking[0]
        )
    await serve_best(transaction, ranking[0])
    event = TrainingCompleted(
        session_id=run["session_id"],
        run_id=run["id"],
        evaluation_metrics=ranking,
        best_model=ranking[0],
        failed=len(jobs) - len(filed),
    )
    await outbox.record(transaction, event, source="results", session_id=run["session_id"], user_id=run["user_id"])


async def _fail(transaction: Transaction, run: Record, jobs: list[Record]) -> None:
    problem = _why(jobs)
    await _end(transaction, run, "failed", SessionStatus.FAILED, problem)
    event = TrainingFailed(session_id=run["session_id"], run_id=run["id"], problem=problem)
    await outbox.record(transaction, event, source="results", session_id=run["session_id"], user_id=run["user_id"])


async def _end(
    transaction: Transaction, run: Record, status: str, session_status: SessionStatus, problem: Problem | None
) -> None:
    await transaction.execute(
        "update public.training_runs set status = $2, ended_at = now() where id = $1", run["id"], status
    )
    await move(transaction, run["session_id"], session_status, problem=problem)


def _targets(jobs: list[Record]) -> int:
    return len({job["target"] for job in jobs})


def _entry(job: Record, *, targets: int) -> Entry:
    metrics: dict[str, Any] = job["evaluation_metrics"]
    return Entry(
        job_id=str(job["id"]),
        # Jobs are numbered model by model, each with all targets.
        candidate=job["position"] // targets,
        model=job["model"],
        target=job["target"],
        value=metrics.get("rmse"),
        seconds=float(job["model_performance"]["duration_seconds"]),
        metrics=metrics,
    )


def _why(jobs: list[Record]) -> Problem:
    """The first job's own reason; with several jobs, which of them failed."""
    reasons = [Problem.model_validate(job["error"]) for job in jobs if job["error"]]
    if len(reasons) == 1:
        return reasons[0]
    return ProblemError(
        reasons[0].category if reasons else Category.INTERNAL,
        title="No model could be trained",
        detail="; ".join(f"{job['model']}: {job['error']['detail']}" for job in jobs if job["error"])
        or "No results could be stored.",
        recovery=reasons[0].recovery if reasons else ["Start the training again."],
    ).problem


async def close_forgotten(database: Database) -> None:
    """Close runs whose jobs have all ended although no message said so to the end."""
    async with database.transaction() as transaction:
        runs = await transaction.fetch(
            """select id from public.training_runs r where status = 'running'
               and not exists (select from public.training_jobs j where j.run_id = r.id and j.search_of is null
                               and j.status in ('queued', 'running')) limit 100"""
        )
    for run in runs:
        async with database.transaction() as transaction:
            await close_if_ended(transaction, run["id"])
