"""From the store to the rows: objects that nobody claims, removed once their grace is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from services.results.reconciliation.claims import is_ours, unclaimed
from services.results.reconciliation.report import Report, add
from shared.database.pool import Database
from shared.storage.port import ObjectInfo, ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)

_PAGE = 1000


async def find_orphans(database: Database, store: ObjectStore, bucket: str, report: Report) -> None:
    """Go through a bucket page by page; where the report says so, remove what is orphaned there."""
    async for page in _pages(store.list(bucket)):
        nobodys = await unclaimed(database, bucket, [found.key for found in page if is_ours(bucket, found.key)])
        before = datetime.now(UTC) - report.grace
        orphaned = []
        for found in page:
            add(report.objects, bucket, found.key, found.size)
            if not is_ours(bucket, found.key):
                add(report.foreign, bucket, found.key, found.size)
            elif found.key in nobodys and found.modified_at >= before:
                add(report.recent, bucket, found.key, found.size)
            elif found.key in nobodys:
                add(report.orphaned, bucket, found.key, found.size)
                orphaned.append(found)
        if orphaned and report.changes:
            await _remove(database, store, bucket, orphaned, report)


async def _remove(
    database: Database, store: ObjectStore, bucket: str, orphaned: list[ObjectInfo], report: Report
) -> None:
    """What a row claims after all is no orphan: keys are looked up once more right before they go."""
    still = await unclaimed(database, bucket, [found.key for found in orphaned])
    await store.delete_many(bucket, sorted(still))
    for found in orphaned:
        if found.key in still:
            add(report.removed, bucket, found.key, found.size)
            log.info("orphaned object removed", bucket=bucket, key=found.key, object_bytes=found.size)


async def _pages(found: AsyncIterator[ObjectInfo]) -> AsyncIterator[list[ObjectInfo]]:
    page: list[ObjectInfo] = []
    async for entry in found:
        page.append(entry)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
