"""What a client is told when it joins: where the session stands now."""

from __future__ import annotations

from typing import Any

from shared.database.pool import Record, Transaction


async def snapshot_of(transaction: Transaction, session: Record) -> dict[str, Any]:
    """Phase, problem, last event's number and the newest run's jobs."""
    jobs = await transaction.fetch(
        """select id, model, target, status, progress, detail, metrics, error from public.training_jobs
           where run_id = (
               select id from public.training_runs where session_id = $1 order by number desc limit 1
           ) and search_of is null order by position""",
        session["session_id"],
    )
    return {
        "session_id": session["session_id"],
        "name": session["name"],
        "phase": session["status"],
        "sequence": session["last_sequence"],
        "problem": session["problem"],
        "jobs": [{**dict(job), "id": str(job["id"])} for job in jobs],
    }
