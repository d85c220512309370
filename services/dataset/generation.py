"""Asking for datasets, and what becomes of the rows that hold them."""

from __future__ import annotations

from services.dataset.documents import DatasetDocument
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import DatasetGenerate, DatasetsFailed
from shared.jobs import lease
from shared.problems import Problem
from shared.sessions.rows import move
from shared.sessions.state import SessionStatus


def command_for(row: Record) -> DatasetGenerate:
    """The command that puts this dataset back into the queue."""
    return DatasetGenerate(session_id=row["session_id"], dataset_id=row["id"])


async def fail_dataset(transaction: Transaction, held: lease.Claim, row: Record, problem: Problem) -> None:
    """Write the failure under the claim, with its event; the session can be configured again."""
    if not await lease.finish(transaction, held, "failed", error=problem):
        return
    await move(transaction, row["session_id"], SessionStatus.FAILED, problem=problem)
    await outbox.record(
        transaction,
        DatasetsFailed(session_id=row["session_id"], dataset_id=row["id"], problem=problem),
        source="dataset",
        session_id=row["session_id"],
        user_id=row["user_id"],
    )


async def latest_dataset(transaction: Transaction, session_id: str) -> DatasetDocument | None:
    """The session's newest dataset."""
    row = await transaction.fetch_row(
        "select * from public.training_datasets where session_id = $1 order by created_at desc limit 1",
        session_id,
    )
    if row is None:
        return None
    return DatasetDocument(
        dataset_id=row["id"],
        status=row["status"],
        progress=row["progress"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        total_examples=row["total_examples"],
        file_size_bytes=row["file_size_bytes"],
        manifest=row["metadata"].get("manifest"),
        problem=row["error"],
    )
