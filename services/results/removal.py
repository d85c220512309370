"""Removing results: marked first, then objects, then rows, so that what is interrupted anywhere is gone on with."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from services.results.documents import ResultsRemoved
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import ResultsDeleted
from shared.problems import Category, ProblemError
from shared.sessions.rows import own_session
from shared.storage.errors import StoreRefused
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_LOST_AFTER = timedelta(minutes=1)
_MARK_SESSION = """
update public.training_results set status = 'deleting', deleting_since = now() where session_id = $1 returning job_id
"""


async def mark_for_removal(transaction: Transaction, user_id: UUID, session_id: str) -> None:
    """From here on the session's results are going. Raises a 404 problem, or 409 while a run is under way."""
    await own_session(transaction, user_id, session_id)
    async with transaction.as_service():
        status = await transaction.fetch_value(
            "select status from public.training_sessions where session_id = $1 for update", session_id
        )
        if status == "training":
            raise ProblemError(
                Category.CONFLICT,
                title="A run is under way",
                detail="Results cannot be removed while models are being trained and filed.",
                recovery=["Wait for training_complete, or cancel the run.", "Then delete the results."],
            )
        marked = await transaction.fetch(_MARK_SESSION, session_id)
        await forget_plots(transaction, session_id, marked)


async def forget_plots(transaction: Transaction, session_id: str, marked: list[Record]) -> None:
    """The plots of results that are marked: their objects go with the results, and must not be shown meanwhile.

    Pictures that are in their rows, of the system before this one, belong to no job; they go with the last result.
    """
    await transaction.execute(
        "delete from public.training_visualizations where session_id = $1 and job_id = any($2::uuid[])",
        session_id,
        [row["job_id"] for row in marked],
    )
    await transaction.execute(
        """delete from public.training_visualizations
           where session_id = $1 and job_id is null and storage_path is null and not exists (
               select from public.training_results where session_id = $1 and status <> 'deleting')""",
        session_id,
    )


async def finish_removal(database: Database, store: ObjectStore, session_id: str) -> ResultsRemoved:
    """Remove the objects, then the rows, of the results that are marked; say so if there were any."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "select * from public.training_results where session_id = $1 and status = 'deleting'", session_id
        )
    objects = await remove_objects(store, rows)
    async with database.transaction() as transaction:
        return await remove_rows(transaction, session_id, rows, objects)


async def remove_rows(transaction: Transaction, session_id: str, rows: list[Record], objects: int) -> ResultsRemoved:
    """Remove the rows of results whose objects are gone, and say so once, whoever else is at it."""
    removed = await transaction.fetch(
        "delete from public.training_results where id = any($1::uuid[]) returning job_id, user_id",
        [row["id"] for row in rows],
    )
    # Those that were marked before plots went with the mark.
    await forget_plots(transaction, session_id, removed)
    if removed:
        await outbox.record(
            transaction,
            ResultsDeleted(session_id=session_id, results=len(removed), objects=objects),
            source="results",
            session_id=session_id,
            user_id=removed[0]["user_id"],
        )
    return ResultsRemoved(results=len(removed), objects=objects)


async def finish_removals(database: Database, store: ObjectStore) -> None:
    """Go on with what a lost process was removing, or could not remove while the store was away."""
    async with database.transaction() as transaction:
        going = await transaction.fetch(
            """select distinct session_id from public.training_results
               where status = 'deleting' and deleting_since < now() - $1::interval limit 100""",
            _LOST_AFTER,
        )
    for row in going:
        try:
            await finish_removal(database, store, row["session_id"])
        except StoreRefused as error:
            # That keeps no other session's results: only a store that is away does.
            log.warning("results not removed", session_id=row["session_id"], reason=str(error))


async def remove_everything(store: ObjectStore, session_id: str) -> int:
    """All that a session has in the results bucket; the number of objects."""
    return await store.delete_prefix(TRAINING_RESULTS, f"{session_id}/")


async def on_session_deleted(database: Database, store: ObjectStore, session_id: str) -> None:
    """Remove a deleted session's results: objects first, then rows."""
    await remove_everything(store, session_id)
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.training_results where session_id = $1", session_id)
        await transaction.execute("delete from public.training_visualizations where session_id = $1", session_id)


async def remove_objects(store: ObjectStore, rows: list[Record]) -> int:
    """What these results have in the store, and a look that nothing of it is listed any more; how many objects."""
    return sum([await _remove_objects(store, row) for row in rows])


async def _remove_objects(store: ObjectStore, row: Record) -> int:
    """Also where filing was broken off before the row knew of what it had stored."""
    path = row["results_file_path"]
    if path is None:
        return 0  # an old row, which holds everything itself
    folder = f"{row['session_id']}/"
    plots, stamp = f"{folder}plots/{row['job_id']}/", path.rpartition("training_results_")[2].partition(".")[0]
    return await store.delete_prefix(
        TRAINING_RESULTS, folder, only=lambda key: key == path or key.startswith(plots) or f"_{stamp}." in key
    )
