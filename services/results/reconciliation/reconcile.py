"""Rows and objects compared in both directions: what is nobody's is removed, what is missing is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from services.results.reconciliation.missing import find_missing, is_related
from services.results.reconciliation.orphans import find_orphans
from services.results.reconciliation.references import SOURCES
from services.results.reconciliation.report import Report
from shared.database.pool import Database
from shared.storage.errors import StoreRefused
from shared.storage.keys import BUCKETS
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger

log = logger(__name__)


async def reconcile(database: Database, store: ObjectStore, *, grace: timedelta, dry_run: bool) -> Report:
    """Compare everything; a dry run changes nothing. Memory does not grow with the number of objects or rows.

    Objects that no row claims are removed once they have not changed for ``grace``. No row is ever removed: a result
    whose object is gone is marked ``failed`` with the reason, and ``completed`` again when the object is back; other
    rows are reported. Where no object that a row names is in the store at all, it is hardly this database's store, or
    not mounted: then nothing is changed, either.

    A bucket or table in which the store refuses something is left, and told; the others are compared all the same.
    Raises ``StoreUnavailable`` and ``DatabaseUnavailable``.
    """
    began = time.monotonic()
    report = Report(dry_run=dry_run, grace=grace, unrelated=not await is_related(database, store))
    for bucket in sorted(BUCKETS):
        with _refusals_noted(report, bucket):
            await find_orphans(database, store, bucket, report)
    for source in SOURCES:
        with _refusals_noted(report, source.table):
            await find_missing(database, store, source, report)
    report.seconds = time.monotonic() - began
    log.info(
        "store reconciled",
        dry_run=dry_run,
        unrelated=report.unrelated,
        seconds=round(report.seconds, 1),
        **report.totals(),
    )
    return report


@contextmanager
def _refusals_noted(report: Report, where: str) -> Iterator[None]:
    try:
        yield
    except StoreRefused as error:
        report.refused.append(f"{where}: {error}")
        log.warning("not compared to the end", where=where, reason=str(error))
