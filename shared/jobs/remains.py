"""What attempts of jobs without an outcome have stored: a worker that was killed cannot remove it itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.database.pool import Database, Record
from shared.jobs.lease import JobTable


async def remove_remains(database: Database, table: JobTable, remove: Callable[[Record], Awaitable[object]]) -> None:
    """Call ``remove`` with each cancelled or failed job that nobody works on any more, until it went well once."""
    async with database.transaction() as transaction:
        ended = await transaction.fetch(
            f"""select * from public.{table} where has_remains and status in ('cancelled', 'failed')
                and (lease_until is null or lease_until < now()) order by ended_at limit 100"""
        )
    for job in ended:
        await remove(job)
        async with database.transaction() as transaction:
            await transaction.execute(f"update public.{table} set has_remains = false where id = $1", job["id"])
