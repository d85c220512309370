"""Asking for datasets, and what becomes of the rows that hold them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from services.dataset.documents import DatasetDocument
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import DatasetGenerate, DatasetsFailed
from shared.jobs import lease
from shared.problems import Category, Problem, ProblemError
from shared.series.holiday_countries import check_holidays
from shared.sessions.configuration import checked_configuration
from shared.sessions.rows import move, require_move
from shared.sessions.state import SessionStatus


async def ask_for_dataset(
    transaction: Transaction,
    user_id: UUID,
    session: Record,
    document: dict[str, Any] | None,
    *,
    run_after: bool,
) -> UUID:
    """Queue the making of a dataset from this configuration, or the stored one. Runs as the service.

    Raises a problem for a configuration that does not fit, and a 409 while the session is at work.
    """
    session_id = session["session_id"]
    chosen = document or session["configuration"]
    if chosen is None:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The session has no configuration",
            detail="Neither the request nor the session says what to predict from what.",
            recovery=[
                f"PUT a configuration to /api/training/sessions/{session_id}/configuration.",
                "Or send it here.",
            ],
        )
    configuration = await checked_configuration(transaction, session_id, chosen)
    check_holidays(configuration)
    await require_move(transaction, session, SessionStatus.GENERATING)
    dataset_id = uuid4()
    stored = configuration.model_dump(mode="json")
    await transaction.execute(
        "update public.training_sessions set configuration = $2, version = version + 1 where session_id = $1",
        session_id,
        stored,
    )
    await transaction.execute(
        """insert into public.training_datasets
               (id, session_id, user_id, name, storage_path, configuration, run_after)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        dataset_id,
        session_id,
        user_id,
        session["name"],
        f"{user_id}/datasets/{dataset_id}.npz",
        stored,
        run_after,
    )
    await outbox.record(
        transaction,
        DatasetGenerate(session_id=session_id, dataset_id=dataset_id),
        source="dataset",
        session_id=session_id,
        user_id=user_id,
    )
    return dataset_id


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
