"""Removing whole runs: marked first, then the objects of results and models, then rows; cut short, it goes on later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.results.removal import forget_plots, remove_objects, remove_rows
from services.results.retention import DueRun, Rule, due_runs
from shared.database.pool import Database, Record
from shared.storage.errors import StoreRefused
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_LOST_AFTER = timedelta(minutes=1)
_MARK_RESULTS = """
update public.training_results set status = 'deleting', deleting_since = now() where run_id = $1 returning job_id
"""


async def retire_runs(
    database: Database, store: ObjectStore, rule: Rule, *, on_removed: Callable[[DueRun], None] = lambda run: None
) -> None:
    """Remove every run that is due. Raises what the store raises; what was begun is gone on with by the next sweep."""
    async with database.transaction() as transaction:
        due = await due_runs(transaction, rule)
    for run in due:
        marked = await _mark(database, rule, run)
        if marked is not None:
            await _finish(database, store, marked)
            log.info("run removed", session_id=run.session_id, run_id=str(run.run_id), number=run.number, why=run.why)
            on_removed(run)


async def finish_retirements(database: Database, store: ObjectStore) -> None:
    """Go on with what a lost process was removing, or could not remove while the store was away."""
    async with database.transaction() as transaction:
        going = await transaction.fetch(
            "select * from public.training_runs where removing_since < now() - $1::interval limit 100", _LOST_AFTER
        )
    for run in going:
        try:
            await _finish(database, store, run)
        except StoreRefused as error:
            log.warning("run not removed", run_id=str(run["id"]), reason=str(error))


async def _mark(database: Database, rule: Rule, run: DueRun) -> Record | None:
    """From here on the run is going; None where it was served, used or begun with by somebody else meanwhile."""
    async with database.transaction() as transaction:
        # A pointer to one of its models waits for these locks, a new run of the session for the next one.
        await transaction.fetch(
            "select id from public.training_jobs where run_id = $1 order by id for update", run.run_id
        )
        await transaction.fetch(
            "select id from public.training_sessions where session_id = $1 for update", run.session_id
        )
        if not await due_runs(transaction, rule, run_id=run.run_id):
            return None
        marked = await transaction.fetch(_MARK_RESULTS, run.run_id)
        await forget_plots(transaction, run.session_id, marked)
        return await transaction.fetch_row(
            "update public.training_runs set removing_since = now() where id = $1 returning *", run.run_id
        )


async def _finish(database: Database, store: ObjectStore, run: Record) -> None:
    async with database.transaction() as transaction:
        results = await transaction.fetch("select * from public.training_results where run_id = $1", run["id"])
        jobs = await transaction.fetch(
            "select id from public.training_jobs where run_id = $1 and search_of is null", run["id"]
        )
    objects = await remove_objects(store, results)
    for job in jobs:
        objects += await store.delete_prefix(ML_ARTIFACTS, f"models/{run['session_id']}/{job['id']}/")
    async with database.transaction() as transaction:
        await remove_rows(transaction, run["session_id"], results, objects)
        await transaction.execute("delete from public.training_runs where id = $1", run["id"])
