"""Asking the dataset workers for a dataset: the row that reserves it, and their command, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import DatasetGenerate
from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration
from shared.sessions.configuration import checked_configuration
from shared.sessions.rows import require_move
from shared.sessions.state import SessionStatus


async def ask_for_dataset(
    transaction: Transaction,
    user_id: UUID,
    session: Record,
    document: dict[str, Any] | None,
    *,
    run_after: bool,
    source: str,
    check: Callable[[Configuration], None] | None = None,
) -> UUID:
    """Queue the making of a dataset from this configuration, or the stored one. Runs as the service.

    ``run_after``: train its models as soon as it is there. ``source`` is the service that asks, ``check`` what it has
    to say of the configuration itself.

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
    if check is not None:
        check(configuration)
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
        source=source,
        session_id=session_id,
        user_id=user_id,
    )
    return dataset_id
