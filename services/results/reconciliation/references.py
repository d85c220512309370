"""From the rows to the store: which objects each table's rows name, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from shared.database.pool import Database, Record
from shared.storage.keys import FORECAST_UPLOADS, TRAINING_DATASETS, TRAINING_RESULTS

_ROWS = 200
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Named:
    """An object that a row names. ``row`` is the row's id."""

    row: UUID
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Source:
    """A table's rows whose objects have to be there; ``objects`` is a query of (bucket, key) of one row ``t``."""

    table: str
    where: str
    objects: str
    id: str = "id"
    session: str = "t.session_id"


def _listed(column: str) -> str:
    references = f"case when jsonb_typeof({column}) = 'object' then {column} else '{{}}' end"
    return f"select e.value ->> 'bucket', e.value ->> 'key' from jsonb_each({references}) e"


_READ_FILE = "values (t.raw ->> 'bucket', t.raw ->> 'key'), (t.canonical ->> 'bucket', t.canonical ->> 'key')"

RESULTS = Source(
    "training_results",
    # Those that were marked for a lost object are looked at again: it may be back.
    "t.status = 'completed' or t.status = 'failed' and t.summary ? 'lost'",
    # The job's own artifacts are the job's to miss, and plots have rows themselves.
    f"""select '{TRAINING_RESULTS}', t.results_file_path
        union select * from ({_listed("t.artifacts")}) named (bucket, key)
            where bucket = '{TRAINING_RESULTS}' and key not like '%/plots/%'""",
)
SOURCES = (
    Source("uploads", "t.status = 'completed'", _READ_FILE, id="storage_id", session="null::text"),
    Source("training_files", "true", _READ_FILE),
    Source(
        "forecast_jobs",
        "t.analysis is not null and not t.removing",
        f"{_READ_FILE}, ('{FORECAST_UPLOADS}', t.output_file_path) union {_listed('t.outputs')}",
    ),
    Source(
        "training_datasets",
        "t.status = 'ready'",
        f"""select '{TRAINING_DATASETS}', t.storage_path union {_listed("t.metadata -> 'references'")}""",
    ),
    Source(
        "training_jobs",
        "t.status in ('queued', 'running', 'trained')",
        f"""{_listed("case when t.status = 'trained' then t.artifacts end")}
            union select t.checkpoint ->> 'bucket', t.checkpoint ->> 'key' where t.status <> 'trained'""",
    ),
    RESULTS,
    Source("training_visualizations", "true", f"values ('{TRAINING_RESULTS}', t.storage_path)"),
)


async def pages(database: Database, source: Source) -> AsyncIterator[list[Named]]:
    """All of a table's references; those of sessions that are being deleted are left out, since they are going."""
    last: UUID | None = _FIRST
    while last is not None:
        async with database.transaction() as transaction:
            rows = await transaction.fetch(_query(source, f"{source.id} > $1 order by {source.id} limit {_ROWS}"), last)
        last = rows[-1]["id"] if rows else None
        yield _all_named(rows)


async def named_now(database: Database, source: Source, rows: list[UUID]) -> set[Named]:
    """What these rows name by now; nothing for one that is gone."""
    async with database.transaction() as transaction:
        found = await transaction.fetch(_query(source, f"{source.id} = any($1::uuid[])"), rows)
    return set(_all_named(found))


def _query(source: Source, chosen: str) -> str:
    return f"""
select t.{source.id} as id, named.bucket, named.key
from (
    select * from public.{source.table} where {chosen}
) t left join lateral ({source.objects}) named (bucket, key)
    on ({source.where}) and not exists (
        select from public.training_sessions s where s.session_id = {source.session} and s.status = 'deleting')
order by 1, 3
"""


def _all_named(rows: list[Record]) -> list[Named]:
    """Without the rows that name nothing."""
    whole = (row for row in rows if row["bucket"] is not None and row["key"] is not None)
    return [Named(row["id"], row["bucket"], row["key"]) for row in whole]
