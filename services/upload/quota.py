"""How much a user may store: counted from the rows that name the objects, while nobody else adds to it."""

from __future__ import annotations

import math
from uuid import UUID

from shared.database.pool import Transaction
from shared.problems import Category, ProblemError

_ALONE = "select pg_advisory_xact_lock(hashtextextended('storage of ' || $1::uuid::text, 0))"


async def check_quota(transaction: Transaction, user_id: UUID, file_name: str, more: int, quota: int) -> None:
    """Raises a problem when ``more`` bytes do not fit any more. Runs as the service.

    Whoever else asks for the same user waits until this transaction has ended: what it adds is counted then. The
    problem is a 413, not a 507: nothing is wrong with the server, and clients (tus ones, too) repeat what gets a 5xx.
    """
    await transaction.execute(_ALONE, user_id)
    used: int = await transaction.fetch_value("select foretide.storage_used($1)", user_id)
    if used + more <= quota:
        return
    raise ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="Your storage is full",
        detail=f"{file_name!r} needs {more} bytes more; {used} of your quota of {quota} are used.",
        user_message=f"{file_name} does not fit: {_gigabytes(used)} of {_gigabytes(quota)} are used.",
        recovery=[
            f"Delete sessions that you need no more: {_gigabytes(used + more - quota)} have to go.",
            "Give up uploads that you will not finish.",
        ],
        technical_details={"quota_bytes": quota, "used_bytes": used, "requested_bytes": more},
        status=413,
    )


def _gigabytes(count: int) -> str:
    return f"{math.ceil(count / 1e7) / 100:.2f} GB"
