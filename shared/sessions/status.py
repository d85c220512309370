"""Where a session stands, from the database alone: one state machine, one reader of it (lesson F33)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from shared.database.pool import Record, Transaction


class JobStatus(BaseModel):
    """One model on one target."""

    job_id: UUID
    model: str
    target: str
    status: str
    progress: float
    attempt: int
    detail: dict[str, Any]
    metrics: dict[str, Any] | None
    problem: dict[str, Any] | None


class SessionStanding(BaseModel):
    """A session's phase, its newest run's jobs, and the number of its last event."""

    session_id: str
    phase: str
    run_id: UUID | None
    run_number: int | None
    deadline: datetime | None = Field(description="When the run's limit of time is over; null without one.")
    progress: float = Field(description="Percent of the phase, over all its jobs.")
    eta_seconds: float | None
    last_sequence: int
    problem: dict[str, Any] | None


async def status_of(transaction: Transaction, session: Record) -> tuple[SessionStanding, list[JobStatus]]:
    """The session as it is, and the newest run's jobs in their order; reading never creates anything."""
    session_id = session["session_id"]
    run = await transaction.fetch_row(
        """select *, extract(epoch from clock_timestamp() - created_at)::float8 as seconds
           from public.training_runs where session_id = $1 order by number desc limit 1""",
        session_id,
    )
    jobs = (
        await transaction.fetch(
            "select * from public.training_jobs where run_id = $1 and search_of is null order by position", run["id"]
        )
        if run
        else []
    )
    progress, eta_seconds = training_progress(jobs, run["seconds"]) if run else (0.0, None)
    if session["status"] == "generating":
        progress, eta_seconds = await _dataset_progress(transaction, session_id)
    standing = SessionStanding(
        session_id=session_id,
        phase=session["status"],
        run_id=run["id"] if run else None,
        run_number=run["number"] if run else None,
        deadline=run["deadline"] if run else None,
        progress=progress,
        eta_seconds=eta_seconds if session["status"] in ("generating", "training") else None,
        last_sequence=session["last_sequence"],
        problem=session["problem"],
    )
    return standing, [_job_status(row) for row in jobs]


async def _dataset_progress(transaction: Transaction, session_id: str) -> tuple[float, float | None]:
    """Of the newest one, and the seconds that it still takes."""
    row = await transaction.fetch_row(
        """select progress, status, metadata -> 'eta_seconds' as eta_seconds from public.training_datasets
           where session_id = $1 order by created_at desc limit 1""",
        session_id,
    )
    if row is None:
        return 0.0, None
    return row["progress"], row["eta_seconds"] if row["status"] == "running" else None


def training_progress(jobs: list[Record], seconds: float) -> tuple[float, float | None]:
    """Mean progress of the jobs of a run that began so many seconds ago, and the seconds until the last one ends.

    As long as the running ones still take; where others wait, no less than at the speed of the whole run so far.
    """
    if not jobs:
        return 0.0, None
    ended = {"trained", "failed", "cancelled"}
    shares = [100.0 if job["status"] in ended else job["progress"] for job in jobs]
    progress = sum(shares) / len(shares)
    known = [left for job in jobs if (left := _seconds_left(job)) is not None]
    if known and progress and any(job["status"] == "queued" for job in jobs):
        known.append(seconds * (100.0 - progress) / progress)
    return progress, max(known, default=None)


def _seconds_left(job: Record) -> float | None:
    """What the attempt under way says; nothing of one that has ended."""
    seconds: float | None = job["detail"].get("eta_seconds") if job["status"] == "running" else None
    return seconds


def _job_status(row: Record) -> JobStatus:
    return JobStatus(
        job_id=row["id"],
        model=row["model"],
        target=row["target"],
        status=row["status"],
        progress=row["progress"],
        attempt=row["attempt"],
        detail=_detail(row),
        metrics=row["metrics"],
        problem=row["error"],
    )


def _detail(row: Record) -> dict[str, Any]:
    """Without the time left of an attempt that has ended."""
    running = row["status"] == "running"
    return {name: value for name, value in row["detail"].items() if running or name != "eta_seconds"}
