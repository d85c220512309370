"""What attempts of jobs without an outcome have stored: a worker that was killed cannot remove it itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from shared.database.pool import Database, Record
from shared.jobs.lease import JobTable


async def remove_remains(
    database: Database,
    table: JobTable,
    remove: Callable[[Record], Awaitable[object]],
    *,
    ended: Sequence[str] = ("cancelled", "failed"),
) -> None:
    """Call ``remove`` with each job in these states that nobody works on any more, until it went well once."""
    async with database.transaction() as transaction:
        jobs = await transaction.fetch(
            f"""select * from public.{table} where has_remains and status = any($1)
                and (lease_until is null or lease_until < now()) order by ended_at limit 100""",
            list(ended),
        )
    for job in jobs:
        await remove(job)
        async with database.transaction() as transaction:
            await transaction.execute(f"update public.{table} set has_remains = false where id = $1", job["id"])
