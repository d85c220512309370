"""Plain SQL migrations, in the order of their file names, each applied once in a transaction of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from shared.problems import Category, ProblemError

_LOCK = 0x0F0E7_1DE
_LEDGER = """
create schema if not exists foretide;
create table if not exists foretide.migrations (
    name text primary key, sha256 text not null, applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``shared/database/migrations``."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text: an applied migration must never change afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations, in order."""
    folder = files("shared.database") / "migrations"
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
    return [Migration(entry.name, entry.read_text(encoding="utf-8")) for entry in entries]


async def migrate(owner_url: str, *, authenticator_password: str | None = None) -> list[str]:
    """Apply what is missing, as the database's owner; safe to run from several places at once.

    ``authenticator_password`` is given to the services' login role where this database is ours; on Supabase
    that role is Supabase's, and the services log in with the project's own connection instead.
    Returns the names applied now. Raises :class:`ProblemError` when an applied file was changed afterwards.
    """
    connection = await asyncpg.connect(owner_url, timeout=20)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_LEDGER)
        applied = {
            row["name"]: row["sha256"] for row in await connection.fetch("select name, sha256 from foretide.migrations")
        }
        done = [await _apply(connection, entry) for entry in migrations() if not _is_applied(entry, applied)]
        if authenticator_password is not None:
            await _set_password(connection, authenticator_password)
        return done
    finally:
        await connection.close()


def _is_applied(migration: Migration, applied: dict[str, str]) -> bool:
    recorded = applied.get(migration.name)
    if recorded is not None and recorded != migration.sha256:
        raise ProblemError(
            Category.CONFLICT,
            title="A migration was changed after it had been applied",
            detail=f"{migration.name} differs from what this database was built with.",
            recovery=["Restore the file and put the change into a new migration."],
        )
    return recorded is not None


async def _apply(connection: asyncpg.Connection, migration: Migration) -> str:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into foretide.migrations (name, sha256) values ($1, $2)", migration.name, migration.sha256
        )
    return migration.name


async def _set_password(connection: asyncpg.Connection, password: str) -> None:
    statement = await connection.fetchval("select format('alter role authenticator password %L', $1::text)", password)
    await connection.execute(statement)
