"""Where a job's objects are in the store, and who removes those that are of no use any more."""

from __future__ import annotations

from uuid import UUID

from services.trainer.checkpoints import job_folder, remove_unnamed_checkpoints
from shared.database.pool import Database, Record
from shared.jobs.lease import Claim
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.port import ObjectStore

ENDED = ("trained", "failed", "cancelled")


def attempt_folder(row: Record, attempt: int) -> str:
    """An attempt's own artifacts: a worker that lost its claim cannot overwrite its successor's files."""
    return f"{job_folder(row)}/{attempt}"


async def remove_remains_of_attempt(database: Database, store: ObjectStore, held: Claim, row: Record) -> None:
    """Remove what an attempt stored, unless it was committed or another attempt continues from it."""
    now = await _now(database, held.job_id)
    if now is None:
        await store.delete_prefix(ML_ARTIFACTS, job_folder(row))
    elif now["status"] in ENDED:
        await remove_remains_of_job(database, store, now)
    else:
        await store.delete_prefix(ML_ARTIFACTS, attempt_folder(row, held.attempt))
        await remove_unnamed_checkpoints(store, now, held.attempt)


async def remove_remains_of_job(database: Database, store: ObjectStore, row: Record) -> None:
    """Remove what all attempts at a job that has ended have stored, but for the model that it ended with."""
    kept = (
        {reference["key"] for reference in (row["artifacts"] or {}).values()} if row["status"] == "trained" else set()
    )
    stored = {found.key async for found in store.list(ML_ARTIFACTS, job_folder(row))}
    await store.delete_many(ML_ARTIFACTS, stored - kept)
    async with database.transaction() as transaction:
        await transaction.execute(
            "update public.training_jobs set checkpoint = null where id = $1 and status = any($2)",
            row["id"],
            list(ENDED),
        )


async def _now(database: Database, job_id: UUID) -> Record | None:
    async with database.transaction() as transaction:
        return await transaction.fetch_row("select * from public.training_jobs where id = $1", job_id)
