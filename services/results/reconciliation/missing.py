"""Rows whose objects are gone: reported, never removed; of a result its reader is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

from services.results.reconciliation.references import RESULTS, SOURCES, Named, Source, named_now, pages
from services.results.reconciliation.report import Report, add
from shared.database.pool import Database
from shared.problems import Category, ProblemError
from shared.storage.errors import InvalidKey, ObjectNotFound
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_AT_ONCE = 16
_TOLD = 5
_MARK = """
update public.training_results set status = 'failed', summary = $2 where id = $1 and status = 'completed'
"""
_RESTORE = """
update public.training_results set status = 'completed', summary = null
where id = any($1::uuid[]) and status = 'failed' and summary ? 'lost'
"""


async def find_missing(database: Database, store: ObjectStore, source: Source, report: Report) -> None:
    """Look for every object that a table's rows name; mark results that cannot be read, and those that can again."""
    async for page in pages(database, source):
        for entry in page:
            add(report.references, source.table, entry.key)
        gone = await _gone(store, page)
        if gone:
            # What was replaced or deleted meanwhile is not missed.
            gone &= await named_now(database, source, [entry.row for entry in gone])
        told = [f"{entry.bucket}/{entry.key} (row {entry.row})" for entry in sorted(gone, key=lambda e: e.key)]
        for name in told:
            add(report.missing, source.table, name)
        if told:
            log.warning("objects missing", table=source.table, count=len(told), for_example=told[:_TOLD])
        if source is RESULTS and report.changes:
            report.results_marked += await _mark(database, gone)
            there = {entry.row for entry in page} - {entry.row for entry in gone}
            report.results_restored += await _restore(database, there)


async def is_related(database: Database, store: ObjectStore) -> bool:
    """Whether any object that a row names is in this store."""
    for source in SOURCES:
        async for page in pages(database, source):
            if page and len(await _gone(store, page)) < len(set(page)):
                return True
    return False


async def _gone(store: ObjectStore, named: Iterable[Named]) -> set[Named]:
    gone: set[Named] = set()
    waiting = iter(named)

    async def look() -> None:
        for entry in waiting:
            try:
                await store.stat(entry.bucket, entry.key)
            except (ObjectNotFound, InvalidKey):
                # A name that no store takes, in a row of an earlier system: nothing is there, either.
                gone.add(entry)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(look())
    except ExceptionGroup as errors:
        # A store that is away is away for all of them.
        raise errors.exceptions[0] from None
    return gone


async def _mark(database: Database, gone: set[Named]) -> int:
    """Say in the results' rows that they cannot be read, and why; their metrics stay. How many are new."""
    marked = 0
    async with database.transaction() as transaction:
        for row in sorted({entry.row for entry in gone}):
            lost = sorted(entry.key for entry in gone if entry.row == row)
            marked += await transaction.execute(_MARK, row, {"resumes": False, "lost": lost, "problem": _problem(lost)})
    return marked


async def _restore(database: Database, there: set[UUID]) -> int:
    async with database.transaction() as transaction:
        return await transaction.execute(_RESTORE, list(there))


def _problem(lost: list[str]) -> dict[str, object]:
    return ProblemError(
        Category.NOT_FOUND,
        title="Stored results are missing",
        detail=f"{len(lost)} of the objects of this result are not in the object store any more: {', '.join(lost)}.",
        user_message="A part of these results is missing in the store; their metrics are kept.",
        recovery=["Train the model again.", "Ask the operator whether the store has a backup."],
    ).problem.model_dump(mode="json")
