"""Which runs are too old, or too many for their owner, and are neither served nor in use.

A run goes whole or not at all. Of every session its newest run stays, since its number must not be given again, and
its newest completed one: a run that failed must not cost the last results that there are (F46).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database.pool import Record, Transaction

_DUE = """
with run as (
    select r.*, row_number() over (partition by r.user_id order by r.created_at desc, r.id) as place,
        r.number = max(r.number) over (partition by r.session_id)
            or r.number = max(r.number) filter (where r.status = 'completed') over (partition by r.session_id) as newest
    from public.training_runs r
    where r.removing_since is null and ($3::uuid is null or r.user_id = (
        select user_id from public.training_runs where id = $3))
), due as (
    select run.*, coalesce(run.ended_at < now() - make_interval(secs => $1::float8 * 86400), false) as too_old,
        coalesce(run.place > $2::bigint, false) as too_many
    from run join public.training_sessions s on s.session_id = run.session_id
    where run.status <> 'running' and not run.newest and ($3::uuid is null or run.id = $3)
        and s.status not in ('generating', 'training', 'deleting')
        and not exists (
            select from public.training_jobs j where j.run_id = run.id
                and (j.status in ('queued', 'running') or j.lease_until > now()
                     or exists (select from public.served_models m where m.job_id = j.id)))
        and not exists (
            select from public.training_results t where t.run_id = run.id
                and (t.status = 'storing' or t.status = 'failed' and t.summary ->> 'resumes' = 'true'))
        and not exists (
            select from public.forecast_jobs f where f.session_id = run.session_id and f.status = 'processing')
)
select due.*,
    (select count(*) from public.training_jobs j where j.run_id = due.id and j.search_of is null) as models,
    (select coalesce(sum((o.value ->> 'bytes')::bigint), 0)::bigint from (
        select e.value from public.training_jobs j, jsonb_each(j.artifacts) e
            where j.run_id = due.id and jsonb_typeof(j.artifacts) = 'object'
        union all select e.value from public.training_results t, jsonb_each(t.artifacts) e
            where t.run_id = due.id and jsonb_typeof(t.artifacts) = 'object'
                and e.value ->> 'bucket' = 'training-results') o) as bytes
from due where too_old or too_many order by user_id, created_at, id
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept: runs that ended at most ``days`` ago, and each user's newest ``runs``; None sets no bound."""

    days: float | None
    runs: int | None

    @property
    def is_set(self) -> bool:
        """Whether it bounds anything."""
        return self.days is not None or self.runs is not None


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that is to go, and why. ``bytes`` is the size of its models and results in the store."""

    run_id: UUID
    session_id: str
    user_id: UUID
    number: int
    ended_at: datetime | None
    models: int
    bytes: int
    why: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        ended = self.ended_at.isoformat() if self.ended_at else None
        return {**asdict(self), "run_id": str(self.run_id), "user_id": str(self.user_id), "ended_at": ended}


async def due_runs(transaction: Transaction, rule: Rule, *, run_id: UUID | None = None) -> list[DueRun]:
    """The runs that are to go, each user's oldest first; of one run alone whether it is."""
    rows = await transaction.fetch(_DUE, rule.days, rule.runs, run_id)
    return [
        DueRun(
            run_id=row["id"],
            session_id=row["session_id"],
            user_id=row["user_id"],
            number=row["number"],
            ended_at=row["ended_at"],
            models=row["models"],
            bytes=row["bytes"],
            why=_why(rule, row),
        )
        for row in rows
    ]


def _why(rule: Rule, row: Record) -> str:
    reasons = []
    if row["too_old"]:
        reasons.append(f"ended more than {rule.days:g} days ago")
    if row["too_many"]:
        reasons.append(f"number {row['place']} from the newest, {rule.runs} are kept")
    return "; ".join(reasons)
