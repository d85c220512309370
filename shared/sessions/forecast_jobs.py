"""One-shot forecast jobs in the database: finding one's own."""

from __future__ import annotations

from uuid import UUID

from shared.database.pool import Record, Transaction
from shared.problems import not_found

_OWN = """
select job.*, session.status as session_status
from public.forecast_jobs job left join public.training_sessions session on session.session_id = job.session_id
where job.id = $1 and job.user_id = $2 and job.analysis is not null and not job.removing
    and session.status is distinct from 'deleting'
"""


async def own_forecast_job(transaction: Transaction, user_id: UUID, job_id: UUID) -> Record:
    """The caller's job, with its session's status.

    Raises a 404 problem for one that does not exist, is still being received, is going, or is somebody else's.
    """
    row = await transaction.fetch_row(_OWN, job_id, user_id)
    if row is None:
        raise not_found("Forecast job", str(job_id))
    return row
