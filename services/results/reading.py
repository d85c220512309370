"""Reading what is stored: metadata from SQL alone, objects through the store."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.results.documents import ResultDocument, ResultsDocument, ServedModel
from services.results.served import newest_best, served_models
from shared.database.pool import Record, Transaction
from shared.problems import not_found
from shared.web.documents import decode_cursor, encode_cursor

_LIST = "results"
_DERIVED = ("result_id", "formats", "problem")
# An old row may hold a whole document; it is looked at only when it is asked for.
_COLUMNS = """id, session_id, user_id, run_id, job_id, status, results_file_path, file_size_bytes, compressed,
    results_metadata, evaluation_metrics, model_performance, best_model, summary, artifacts, created_at, completed_at"""


async def results_of(
    transaction: Transaction, session_id: str, *, limit: int, cursor: str | None, data_available: bool
) -> ResultsDocument:
    """A page of the session's results, newest first, with the newest run's comparison. Raises a problem for a cursor
    that is none.
    """
    run = await transaction.fetch_row(
        "select * from public.training_runs where session_id = $1 order by number desc limit 1", session_id
    )
    before = decode_cursor(cursor, _LIST, datetime) if cursor else None
    rows = await transaction.fetch(
        f"""select {_COLUMNS} from public.training_results where session_id = $1 and status <> 'deleting'
            and ($2::timestamptz is null or (created_at, id::text) < ($2, $3))
            order by created_at desc, id::text desc limit $4""",
        session_id,
        *(before or (None, None)),
        limit + 1,
    )
    completed = await transaction.fetch_value(
        """select envelope -> 'data' from public.session_events
           where session_id = $1 and name = 'training.completed' order by sequence desc limit 1""",
        session_id,
    )
    of_this_run = run is not None and completed is not None and completed["run_id"] == str(run["id"])
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ResultsDocument(
        session_id=session_id,
        run_id=run["id"] if run else None,
        status=run["status"] if run else "none",
        results=[_document(row) for row in shown],
        next_cursor=encode_cursor(_LIST, last["created_at"], str(last["id"])) if last else None,
        best_model=completed["best_model"] if of_this_run else None,
        comparison=completed["evaluation_metrics"] if of_this_run else [],
        served=[ServedModel(**row) for row in await served_models(transaction, session_id)],
        data_available=data_available,
    )


async def find_result(transaction: Transaction, session_id: str, job_id: UUID | None) -> Record:
    """The stored result of one job, or of the newest run's best model. Raises a 404 problem."""
    if job_id is None:
        best = await newest_best(transaction, session_id)
        job_id = UUID(next(iter(best["targets"].values()))["job_id"]) if best else None
    row = await transaction.fetch_row(
        f"""select {_COLUMNS} from public.training_results where session_id = $1 and status = 'completed'
           and ($2::uuid is null or job_id = $2) order by created_at desc limit 1""",
        session_id,
        job_id,
    )
    if row is None:
        raise not_found("Stored result of session", session_id)
    return row


async def stored_with(transaction: Transaction, row: Record) -> list[Record]:
    """The stored results of the run that this one is of, itself among them."""
    if row["run_id"] is None:
        return [row]
    return await transaction.fetch(
        f"""select {_COLUMNS} from public.training_results where run_id = $1 and status = 'completed'
            order by created_at, id""",
        row["run_id"],
    )


async def results_for(transaction: Transaction, session_id: str, job_ids: list[UUID]) -> list[Record]:
    """The stored results of these jobs, or of the best model. Raises a 404 problem."""
    return [await find_result(transaction, session_id, job_id) for job_id in job_ids or (None,)]


def _document(row: Record) -> ResultDocument:
    return ResultDocument(
        result_id=row["id"],
        formats=["json.gz", *(("parquet", "csv", "zip") if "table" in row["artifacts"] else ())],
        problem=(row["summary"] or {}).get("problem"),
        **{name: row[name] for name in ResultDocument.model_fields if name not in _DERIVED},
    )
