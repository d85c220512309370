"""The schema comes from its migrations alone."""

from __future__ import annotations

import asyncpg
import pytest

from foretide.stack.servers import LocalServers
from shared.database import migrate as migrating
from shared.problems import ProblemError

pytestmark = pytest.mark.integration

_DESCRIPTION = """
select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(' ' || column_default, '')
from information_schema.columns where table_schema in ('public', 'foretide')
union all select 'policy ' || tablename || ' ' || policyname || ' ' || coalesce(qual, '') from pg_policies
union all select 'index ' || indexdef from pg_indexes where schemaname in ('public', 'foretide')
union all select 'trigger ' || event_object_table || ' ' || trigger_name from information_schema.triggers
union all select 'function ' || oid::regprocedure::text || md5(prosrc) from pg_proc
    where pronamespace in ('foretide'::regnamespace, 'auth'::regnamespace)
union all select 'rls ' || relname || ' ' || relrowsecurity from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r'
"""


async def description(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return sorted(row[0] for row in await connection.fetch(_DESCRIPTION))
    finally:
        await connection.close()


async def test_f83_a_database_built_from_zero_is_the_one_that_is_used_and_migrating_again_changes_nothing(
    servers: LocalServers,
) -> None:
    owner = await asyncpg.connect(servers.database_superuser_url)
    await owner.execute("create database fresh")
    await owner.close()
    fresh = servers.database_superuser_url.rpartition("/")[0] + "/fresh"
    assert await migrating.migrate(fresh) == [entry.name for entry in migrating.migrations()]
    built = await description(fresh)
    assert built == await description(servers.database_superuser_url)
    assert await migrating.migrate(fresh) == []
    assert await description(fresh) == built


async def test_every_table_has_row_level_security(servers: LocalServers) -> None:
    assert not [line for line in await description(servers.database_superuser_url) if line.endswith("rls false")]
    tables = [line for line in await description(servers.database_superuser_url) if line.startswith("rls ")]
    assert len(tables) == 21
    assert all(line.endswith(" true") for line in tables)


async def test_an_applied_migration_that_was_changed_is_refused(
    servers: LocalServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = migrating.migrations()
    changed = migrating.Migration(first.name, first.sql + "\n-- changed")
    monkeypatch.setattr(migrating, "migrations", lambda: [changed, *others])
    with pytest.raises(ProblemError, match=first.name):
        await migrating.migrate(servers.database_superuser_url)
