"""Ends what waits of runs whose time is over: nothing is queued for ever because no worker was free in time.

A job with a checkpoint has a model already: it waits for a worker, which ends it with that.
"""

from __future__ import annotations

from services.trainer.limits import run_is_over
from services.trainer.outcomes import fail_model
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.rows import SearchState, is_trial
from shared.database.pool import Database, Record, Transaction
from shared.jobs import lease
from shared.telemetry.logs import logger

log = logger(__name__)

_LEASE_SECONDS = 60.0
_OVERDUE = """
select job.* from public.training_jobs job join public.training_runs run on run.id = job.run_id
where run.status = 'running' and run.deadline <= now() and job.status = 'queued' and job.checkpoint is null
order by job.queued_at limit 100
"""


async def end_overdue(database: Database) -> None:
    """Of runs whose deadline is past: fail what is queued without a checkpoint, and end searches with queued trials."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(_OVERDUE)
    for row in rows:
        async with database.transaction() as transaction:
            await _end(transaction, row)


async def _end(transaction: Transaction, row: Record) -> None:
    if is_trial(row):
        # Before its trial, as whoever ends a trial or cancels the search does.
        await SearchState.read(transaction, row["search_of"], lock=True)
    held = await lease.claim(transaction, "training_jobs", row["id"], worker="overdue", lease_seconds=_LEASE_SECONDS)
    if held is None:
        return
    log.warning("job of a run whose time is over", job_id=str(row["id"]), model=row["model"])
    if is_trial(row):
        await end_trial(transaction, held, row, Ended("cancelled"))
    else:
        await fail_model(transaction, held, row, run_is_over(row["model"]).problem)
