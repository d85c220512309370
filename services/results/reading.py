"""Reading what is stored: metadata from SQL alone, objects through the store."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.results.documents import ResultDocument, ResultsDocument
from shared.database.pool import Record, Transaction
from shared.problems import not_found


async def results_of(transaction: Transaction, session_id: str) -> ResultsDocument:
    """The session's results, newest first, and the newest run's comparison."""
    run = await transaction.fetch_row(
        "select * from public.training_runs where session_id = $1 order by number desc limit 1", session_id
    )
    rows = await transaction.fetch(
        """select * from public.training_results where session_id = $1 and status <> 'deleting'
           order by created_at desc, id""",
        session_id,
    )
    completed = await transaction.fetch_value(
        """select envelope -> 'data' from public.session_events
           where session_id = $1 and name = 'training.completed' order by sequence desc limit 1""",
        session_id,
    )
    of_this_run = run is not None and completed is not None and completed["run_id"] == str(run["id"])
    return ResultsDocument(
        session_id=session_id,
        run_id=run["id"] if run else None,
        status=run["status"] if run else "none",
        results=[_document(row) for row in rows],
        best_model=completed["best_model"] if of_this_run else None,
        comparison=completed["evaluation_metrics"] if of_this_run else [],
    )


async def find_result(transaction: Transaction, session_id: str, job_id: UUID | None) -> Record:
    """The stored result of one job, or of the newest run's best model. Raises a 404 problem."""
    if job_id is None:
        job_id = await _best_job(transaction, session_id)
    row = await transaction.fetch_row(
        """select * from public.training_results where session_id = $1 and status = 'completed'
           and ($2::uuid is null or job_id = $2) order by created_at desc limit 1""",
        session_id,
        job_id,
    )
    if row is None:
        raise not_found("Stored result of session", session_id)
    return row


async def _best_job(transaction: Transaction, session_id: str) -> UUID | None:
    best: dict[str, Any] | None = await transaction.fetch_value(
        """select best_model from public.training_results
           where session_id = $1 and status = 'completed' and best_model is not null
           order by created_at desc limit 1""",
        session_id,
    )
    if not best:
        return None
    return UUID(next(iter(best["targets"].values()))["job_id"])


def _document(row: Record) -> ResultDocument:
    return ResultDocument(
        result_id=row["id"],
        problem=(row["summary"] or {}).get("problem"),
        **{name: row[name] for name in ResultDocument.model_fields if name not in ("result_id", "problem")},
    )
