"""How much time a job has left: of its model's limit, and of its run's."""

from __future__ import annotations

from shared.database.pool import Database
from shared.jobs.lease import Claim
from shared.jobs.worker import ClaimLost
from shared.problems import Category, ProblemError

_LEFT = """
update public.training_jobs job set started_at =
    case when job.checkpoint is null then clock_timestamp() else coalesce(job.started_at, clock_timestamp()) end
from public.training_runs run
where run.id = job.run_id and job.id = $1 and job.attempt = $2 and job.status = 'running'
returning job.model, job.checkpoint is not null as continues,
    (job.parameters ->> 'time_limit_seconds')::float8
        - extract(epoch from clock_timestamp() - job.started_at)::float8 as own,
    extract(epoch from run.deadline - clock_timestamp())::float8 as of_run
"""


async def seconds_left(database: Database, held: Claim) -> float | None:
    """What a claimed job may still be trained; None without limits.

    Its own limit is counted from when the attempt that it continues, by a checkpoint, asked first: one that begins from
    nothing has all of it. Where nothing is left, 0 for a job with a checkpoint, as that holds a model.

    Raises :class:`ClaimLost`, and :class:`RunIsOver` where its run has no time for a job without a checkpoint.
    """
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(_LEFT, held.job_id, held.attempt)
    if row is None:
        raise ClaimLost
    own, of_run = row["own"], row["of_run"]
    if of_run is not None and of_run <= 0 and not row["continues"]:
        raise run_is_over(row["model"])
    return min((max(0.0, seconds) for seconds in (own, of_run) if seconds is not None), default=None)


class RunIsOver(ProblemError):
    """A job's run has no time left for it."""


def run_is_over(model: str) -> RunIsOver:
    """With the problem of the job."""
    return RunIsOver.of(
        time_is_over(f"{model}: the time limit of its run was over before it could be trained.").problem
    )


def time_is_over(detail: str) -> ProblemError:
    """The problem of whatever took too long."""
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The time limit is over",
        detail=detail,
        recovery=[
            "Raise time_limit_seconds of the model, or the run's timeLimitSeconds.",
            "Use smaller models or fewer windows, or lower max_samples.",
            "Choose kinds that can end early: networks and LightGBM.",
        ],
    )
