"""Long work: claimed in the database, run under a lease, fenced by its attempt number.

Two tables hold jobs, with the same columns: ``training_jobs`` and ``training_datasets``. The message that names a
job is acknowledged as soon as the claim is committed, so no broker timeout can end or double a long run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.problems import Category, Problem, ProblemError

JobTable = Literal["training_jobs", "training_datasets"]


class StillRunning(ProblemError):
    """A deleted session's job has a worker that may not have noticed yet; its remains are removed a little later."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            Category.CONFLICT,
            title="A job of this session is still stopping",
            detail=f"Session {session_id} has a job whose worker has not let go yet.",
            recovery=["Wait a few seconds."],
            retryable=True,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one job's outcome, until somebody else holds a higher attempt."""

    table: JobTable
    job_id: UUID
    attempt: int


async def claim(
    transaction: Transaction, table: JobTable, job_id: UUID, *, worker: str, lease_seconds: float
) -> Claim | None:
    """``queued -> running``; None when it is not queued (a redelivery, a cancelled or deleted job)."""
    attempt = await transaction.fetch_value(
        f"""update public.{table} set status = 'running', attempt = attempt + 1, worker = $2,
            has_remains = true, lease_until = now() + make_interval(secs => $3)
            where id = $1 and status = 'queued' returning attempt""",
        job_id,
        worker,
        lease_seconds,
    )
    return Claim(table, job_id, attempt) if attempt is not None else None


async def renew(
    transaction: Transaction, held: Claim, *, lease_seconds: float, progress: float, detail: dict[str, Any]
) -> bool:
    """Heartbeat: the lease and the progress (percent); False when the claim is lost, and work must stop."""
    extra = ", detail = $5::jsonb" if held.table == "training_jobs" else ", metadata = metadata || $5::jsonb"
    return bool(
        await transaction.execute(
            f"""update public.{held.table} set lease_until = now() + make_interval(secs => $3),
                progress = greatest(progress, $4){extra}
                where id = $1 and attempt = $2 and status = 'running'""",
            held.job_id,
            held.attempt,
            lease_seconds,
            progress,
            detail,
        )
    )


async def still_held(transaction: Transaction, held: Claim) -> bool:
    """True while nobody took the claim away or cancelled the job."""
    return bool(
        await transaction.fetch_value(
            f"select true from public.{held.table} where id = $1 and attempt = $2 and status = 'running'",
            held.job_id,
            held.attempt,
        )
    )


async def finish(transaction: Transaction, held: Claim, status: str, *, error: Problem | None = None) -> bool:
    """Write the end, if the claim still holds. False: somebody else owns the job; write nothing more."""
    return bool(
        await transaction.execute(
            f"""update public.{held.table} set status = $3, error = $4, lease_until = null, ended_at = now(),
                progress = case when $3 in ('trained', 'ready') then 100 else progress end
                where id = $1 and attempt = $2 and status = 'running'""",
            held.job_id,
            held.attempt,
            status,
            error.model_dump(mode="json") if error else None,
        )
    )


async def cancel_all(transaction: Transaction, table: JobTable, session_id: str) -> None:
    """End what the session's workers are at: they notice within a second.

    Searched jobs are locked before their trials, in the order in which the end of a trial locks them.
    """
    order = "search_of nulls first, id" if table == "training_jobs" else "id"
    await transaction.execute(
        f"""update public.{table} set status = 'cancelled', ended_at = now() where id in (
                select id from public.{table} where session_id = $1 and status in ('queued', 'running')
                order by {order} for update
            )""",
        session_id,
    )


async def hand_back(transaction: Transaction, held: Claim) -> bool:
    """A graceful stop: back to the queue for another worker. The caller records the command anew."""
    return bool(
        await transaction.execute(
            f"""update public.{held.table} set status = 'queued', lease_until = null, worker = null,
                queued_at = now()
                where id = $1 and attempt = $2 and status = 'running'""",
            held.job_id,
            held.attempt,
        )
    )


async def let_go(transaction: Transaction, held: Claim) -> None:
    """A worker that lost its claim has stopped: whoever waits for its lease to run out need not any longer."""
    await transaction.execute(
        f"update public.{held.table} set lease_until = null where id = $1 and attempt = $2 and status <> 'running'",
        held.job_id,
        held.attempt,
    )


async def somebody_still_writes(transaction: Transaction, table: JobTable, session_id: str) -> bool:
    """True while a cancelled job's worker may not have noticed yet."""
    return bool(
        await transaction.fetch_value(
            f"select true from public.{table} where session_id = $1 and lease_until > now() limit 1",
            session_id,
        )
    )


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A job whose worker was lost: queued again, or out of attempts."""

    row: Record
    exhausted: bool


async def reap(transaction: Transaction, table: JobTable, *, attempts: int) -> list[Lapsed]:
    """Take back the jobs whose lease ran out.

    Those with attempts left are ``queued`` again (the caller records their command); the others are still
    ``running`` under a new attempt number, and the caller fails them through :func:`finish`.
    """
    rows = await transaction.fetch(
        f"""update public.{table} set lost = lost + 1, worker = null, attempt = attempt + 1,
            queued_at = now(), lease_until = case when lost + 1 >= $1 then now() + interval '1 minute' end,
            status = case when lost + 1 >= $1 then 'running' else 'queued' end
            where id in (
                select id from public.{table} where status = 'running' and lease_until < now()
                order by lease_until for update skip locked limit 100
            ) returning *""",
        attempts,
    )
    return [Lapsed(row, row["status"] == "running") for row in rows]


async def forgotten(transaction: Transaction, table: JobTable, *, minutes: float = 10.0) -> list[Record]:
    """Jobs that have waited so long that their command may be lost; the caller records it anew.

    A command too many does no harm: only the first one finds the job waiting.
    """
    return await transaction.fetch(
        f"""update public.{table} set queued_at = now() where id in (
                select id from public.{table} where status = 'queued'
                and queued_at < now() - make_interval(secs => $1)
                order by queued_at for update skip locked limit 100
            ) returning *""",
        minutes * 60,
    )
