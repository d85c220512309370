"""``foretide storage``: what is nobody's in the object store, what is missing there, and runs that are old."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from foretide.cli.console import out, problems_end_the_command
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.running import running
from shared.database.pool import Database
from shared.problems import Category, ProblemError
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from shared.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from services.results.reconciliation.report import Report
    from services.results.retention import DueRun

INCONSISTENT = 3
"""Exit status: something was found that is not put right."""

app = typer.Typer(help="Compare the object store with the database; remove old runs.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
_Answer = TypeVar("_Answer")
_Work = Callable[[Database, ObjectStore], Awaitable[_Answer]]


@app.command()
def reconcile(
    dry_run: DryRun = False,
    grace: Annotated[
        float, typer.Option(min=0, help="Hours for which an object that no row claims is left alone.")
    ] = 24.0,
    as_json: AsJson = False,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """Find objects without rows and rows without objects; remove the objects, mark results that cannot be read.

    Exit status 0: rows and objects agree now. 3: orphaned objects are left (a dry run leaves them), or objects are
    missing. 1: it could not be done.

    Example: foretide storage reconcile --dry-run
    """
    with _prepared():
        from services.results.reconciliation.reconcile import reconcile as compare

        report = asyncio.run(
            _with_servers(data, lambda db, store: compare(db, store, grace=timedelta(hours=grace), dry_run=dry_run))
        )
        if as_json:
            _print_json(report.document())
        else:
            _show(report)
    if not report.consistent:
        raise typer.Exit(INCONSISTENT)


@app.command()
def retention(
    dry_run: DryRun = False,
    days: Annotated[
        float | None,
        typer.Option(min=0, envvar="FORETIDE_RETENTION_DAYS", help="Runs that ended longer ago go."),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(min=1, envvar="FORETIDE_RETENTION_RUNS", help="All but so many of each user's newest runs go."),
    ] = None,
    as_json: AsJson = False,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """Remove old runs whole: results, plots and models. What is served or in use stays, as do each session's newest.

    Example: foretide storage retention --days 90 --runs 20 --dry-run
    """
    with _prepared():
        from services.results.retention import Rule, due_runs
        from services.results.retirement import retire_runs

        rule = Rule(days, runs)
        if not rule.is_set:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="Which runs are too old?",
                detail="Neither a number of days nor one of runs is given.",
                recovery=["Give --days, --runs or both.", "Or set FORETIDE_RETENTION_DAYS or FORETIDE_RETENTION_RUNS."],
            )

        async def choose(database: Database, store: ObjectStore) -> list[DueRun]:
            if dry_run:
                async with database.transaction() as transaction:
                    return await due_runs(transaction, rule)
            removed: list[DueRun] = []
            await retire_runs(database, store, rule, on_removed=removed.append)
            return removed

        due = asyncio.run(_with_servers(data, choose))
        if as_json:
            _print_json({"dry_run": dry_run, "runs": [run.document() for run in due]})
        else:
            _show_runs(due, dry_run=dry_run)


@contextmanager
def _prepared() -> Iterator[None]:
    configure_logging("storage", level="ERROR", log_format="text")
    with problems_end_the_command():
        try:
            yield
        except ModuleNotFoundError as error:
            raise ProblemError(
                Category.INTERNAL,
                title="This installation does not hold the results service",
                detail=f"The module {error.name!r} is missing.",
                recovery=["Run the command where the results service is installed, in its container for example."],
            ) from error


async def _with_servers(data: Path, work: _Work[_Answer]) -> _Answer:
    async with _servers(data) as (database, store):
        return await work(database, store)


@asynccontextmanager
async def _servers(data: Path) -> AsyncIterator[tuple[Database, ObjectStore]]:
    """Those that the environment names, or else those of the stack that runs on this data directory."""
    database_url, store_url = os.environ.get("FORETIDE_DATABASE_URL"), os.environ.get("FORETIDE_STORE_URL")
    if not (database_url and store_url):
        stack = running(data)
        database_url, store_url = database_url or stack.database_url, store_url or stack.store_url
    if not (database_url and store_url):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="Which database, and which store?",
            detail="FORETIDE_DATABASE_URL and FORETIDE_STORE_URL are not both set.",
            recovery=["Set both, as for the services.", "Or name the data directory of `foretide up` with --data."],
        )
    database = Database(database_url, pool_size=2)
    await database.open(wait_seconds=5)
    try:
        # Nothing is signed here.
        async with open_store(store_url, public_url="", signing_secret="unused", wait_seconds=5) as store:
            yield database, store
    finally:
        await database.close()


def _show(report: Report) -> None:
    kinds = (
        ("orphaned", report.orphaned),
        ("removed", report.removed),
        ("orphaned, still in their grace", report.recent),
        ("not Foretide's, left alone", report.foreign),
        ("missing, though a row names them", report.missing),
    )
    table = Table("what", "where", "objects", "bytes", "for example")
    for what, tallies in kinds:
        for where, tally in sorted(tallies.items()):
            table.add_row(what, where, str(tally.count), str(tally.bytes or ""), "\n".join(tally.examples[:3]))
    if table.row_count:
        out.print(table)
    objects = sum(tally.count for tally in report.objects.values())
    references = sum(tally.count for tally in report.references.values())
    out.print(f"{objects} objects and {references} references compared in {report.seconds:.1f} s.", highlight=False)
    if report.results_marked or report.results_restored:
        out.print(
            f"{report.results_marked} results marked as failed, {report.results_restored} marked as completed again.",
            highlight=False,
        )
    for refused in report.refused:
        out.print(f"The store refused something, so this was not compared to its end: {refused}", highlight=False)
    if report.unrelated and objects:
        out.print("No object that the database names is in this store: is it this database's? Nothing was changed.")
    elif report.dry_run:
        out.print("A dry run: nothing was changed.")


def _show_runs(due: list[DueRun], *, dry_run: bool) -> None:
    if due:
        table = Table("user", "session", "run", "ended", "models", "bytes", "why")
        for run in due:
            ended = f"{run.ended_at:%Y-%m-%d %H:%M}" if run.ended_at else ""
            sizes = (str(run.models), str(run.bytes))
            table.add_row(str(run.user_id), run.session_id, str(run.number), ended, *sizes, run.why)
        out.print(table)
    total = sum(run.bytes for run in due)
    done = "would be removed; a dry run: nothing was changed" if dry_run else "removed"
    out.print(f"{len(due)} runs, {total} bytes {done}.", highlight=False)


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2))
