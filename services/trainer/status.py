"""Where a session stands, from the database alone: one state machine, one serializer (lesson F33)."""

from __future__ import annotations

from services.trainer.documents import JobStatus, StatusDocument
from shared.database.pool import Record, Transaction


async def status_of(transaction: Transaction, session: Record) -> StatusDocument:
    """The phase, the newest run's jobs, and the number of the last event; reading never creates anything."""
    session_id = session["session_id"]
    run = await transaction.fetch_row(
        "select * from public.training_runs where session_id = $1 order by number desc limit 1", session_id
    )
    jobs = (
        await transaction.fetch(
            "select * from public.training_jobs where run_id = $1 and search_of is null order by position", run["id"]
        )
        if run
        else []
    )
    progress, eta_seconds = _training_progress(jobs)
    if session["status"] == "generating":
        progress, eta_seconds = await _dataset_progress(transaction, session_id), None
    return StatusDocument(
        session_id=session_id,
        phase=session["status"],
        run_id=run["id"] if run else None,
        run_number=run["number"] if run else None,
        deadline=run["deadline"] if run else None,
        progress=progress,
        eta_seconds=eta_seconds if session["status"] == "training" else None,
        jobs=[_job_status(row) for row in jobs],
        last_sequence=session["last_sequence"],
        problem=session["problem"],
    )


async def _dataset_progress(transaction: Transaction, session_id: str) -> float:
    value = await transaction.fetch_value(
        "select progress from public.training_datasets where session_id = $1 order by created_at desc limit 1",
        session_id,
    )
    return float(value or 0.0)


def _training_progress(jobs: list[Record]) -> tuple[float, float | None]:
    """Mean progress of the jobs, and the sum of what the running ones still expect."""
    if not jobs:
        return 0.0, None
    ended = {"trained", "failed", "cancelled"}
    shares = [100.0 if job["status"] in ended else job["progress"] for job in jobs]
    expected = [job["detail"].get("eta_seconds") for job in jobs if job["status"] == "running"]
    known = [float(seconds) for seconds in expected if seconds is not None]
    return sum(shares) / len(shares), sum(known) if known else None


def _job_status(row: Record) -> JobStatus:
    return JobStatus(
        job_id=row["id"],
        model=row["model"],
        target=row["target"],
        status=row["status"],
        progress=row["progress"],
        attempt=row["attempt"],
        detail=row["detail"],
        metrics=row["metrics"],
        problem=row["error"],
    )
