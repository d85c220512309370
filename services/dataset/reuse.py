"""A dataset that exists already is used again: rows of one user share what is stored, and the last one removes it.

Whoever takes a share and whoever removes one hold a lock on the storage path, so neither misses the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.database.pool import Database, Record, Transaction
from shared.events.payloads import Reference
from shared.jobs.patience import patiently
from shared.storage.errors import ObjectNotFound
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file


@dataclass(frozen=True, slots=True)
class Made:
    """A dataset in the store. ``twin`` is the row whose dataset it is, if it was not made anew."""

    storage_path: str
    manifest: dict[str, Any]
    references: dict[str, Reference]
    plots: list[str]
    twin: Record | None = None


async def find_twin(database: Database, row: Record, content: str, store: ObjectStore, folder: Path) -> Made | None:
    """A ready dataset of the same user and content, its plots copied to this row's session; None if there is none."""
    async with database.transaction() as transaction:
        twin = await transaction.fetch_row(
            """select * from public.training_datasets
               where user_id = $1 and fingerprint = $2 and status = 'ready' order by created_at limit 1""",
            row["user_id"],
            content,
        )
    if twin is None:
        return None
    metadata = twin["metadata"]
    references = {name: Reference.model_validate(found) for name, found in metadata["references"].items()}
    try:
        for plot in metadata["plots"]:
            found, path = references[plot], folder / f"{plot}.png"
            await patiently("for a plot", lambda f=found, p=path: get_file(store, f.bucket, f.key, p))  # type: ignore[misc]
            references[plot] = await put_plot(store, row, plot, path)
    except ObjectNotFound:
        # Its session is being deleted.
        return None
    return Made(twin["storage_path"], metadata["manifest"], references, metadata["plots"], twin)


async def put_plot(store: ObjectStore, row: Record, plot: str, path: Path) -> Reference:
    """Store a plot with the row's session."""
    key = f"{row['session_id']}/plots/{plot}.png"
    info = await patiently(
        "to store a plot", lambda: put_file(store, TRAINING_RESULTS, key, path, content_type="image/png")
    )
    return info.reference


async def may_share(transaction: Transaction, twin: Record) -> bool:
    """Whether the twin's dataset is still there; until the transaction ends nobody can remove it."""
    await _lock(transaction, twin["storage_path"])
    return bool(
        await transaction.fetch_value(
            "select true from public.training_datasets where id = $1 and fingerprint is not null", twin["id"]
        )
    )


async def give_up_shares(transaction: Transaction, session_id: str) -> list[Record]:
    """Offer a session's datasets no longer; its rows whose objects nobody else uses, which are to be removed."""
    rows = await transaction.fetch(
        "select * from public.training_datasets where session_id = $1 order by storage_path", session_id
    )
    for path in sorted({row["storage_path"] for row in rows}):
        await _lock(transaction, path)
    await transaction.execute(
        "update public.training_datasets set fingerprint = null where session_id = $1", session_id
    )
    shared = await transaction.fetch(
        """select distinct storage_path from public.training_datasets
           where storage_path = any($1::text[]) and fingerprint is not null""",
        [row["storage_path"] for row in rows],
    )
    kept = {row["storage_path"] for row in shared}
    return [row for row in rows if row["storage_path"] not in kept]


async def _lock(transaction: Transaction, storage_path: str) -> None:
    await transaction.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", storage_path)
