"""What a client is told when it joins, or asks: where the session stands now, as ``GET /api/training/status`` says."""

from __future__ import annotations

from typing import Any

from services.notifier.small import small
from shared.database.pool import Record, Transaction
from shared.sessions.status import status_of

_LARGEST_BYTES = 256 * 1024
_KEPT = {"session_id", "name", "phase", "sequence", "last_sequence", "run_id"}


async def snapshot_of(transaction: Transaction, session: Record) -> dict[str, Any]:
    """The fields of ``GET /api/training/status`` in snake_case, the session's name, and ``sequence``."""
    standing, jobs = await status_of(transaction, session)
    return {
        **standing.model_dump(mode="json"),
        "name": session["name"],
        "sequence": standing.last_sequence,
        "jobs": [job.model_dump(mode="json") for job in jobs],
    }


def shown(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The snapshot as it is sent: of some thousand jobs the first ones, and where the others are."""
    details = f"/api/training/status/{snapshot['session_id']}"
    return small(snapshot, _KEPT, details, largest=_LARGEST_BYTES)
