"""Old runs go whole, by age and by number; what is served, in use or a session's newest stays, whatever the rule."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from foretide.stack.servers import LocalServers
from services.results.app import create_app
from services.results.retention import Rule, due_runs
from services.results.retirement import finish_retirements, retire_runs
from shared.database.pool import Database, DatabaseUnavailable
from shared.storage.errors import StoreUnavailable
from shared.storage.keys import ML_ARTIFACTS, TRAINING_RESULTS
from shared.storage.open import open_store
from tests.integration.apps import running, settings_for
from tests.integration.conftest import Owned, make_session
from tests.integration.stored import FailingStore, finished_run, insert, listed
from tests.waiting import until

pytestmark = pytest.mark.integration

A_MONTH = Rule(days=30, runs=None)
BUCKETS = (ML_ARTIFACTS, TRAINING_RESULTS)


@pytest.fixture(autouse=True)
async def nothing_else(servers: LocalServers) -> None:
    """No rows of other tests: a rule is for everybody."""
    owner = await asyncpg.connect(servers.database_superuser_url)
    try:
        await owner.execute("truncate public.training_sessions cascade")
    finally:
        await owner.close()


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    return FailingStore(tmp_path / "objects", public_url="", signing_secret="unused")


async def runs_of(database: Database, owned: Owned) -> list[int]:
    """The numbers of a session's runs."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "select number from training_runs where session_id = $1 order by number", owned.session_id
        )
    return [row["number"] for row in rows]


async def said_deleted(database: Database, owned: Owned) -> list[int]:
    """How many results each ``results.deleted`` told of."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            """select envelope -> 'data' -> 'results' as results from session_events
               where session_id = $1 and name = 'results.deleted' order by sequence""",
            owned.session_id,
        )
    return [row["results"] for row in rows]


async def due(database: Database, rule: Rule) -> list[tuple[int, str]]:
    async with database.transaction() as transaction:
        return [(run.number, run.why) for run in await due_runs(transaction, rule)]


async def serve(database: Database, owned: Owned, run_id: UUID) -> None:
    """Point the session's target at the run's model."""
    async with database.transaction() as transaction:
        job_id = await transaction.fetch_value("select id from training_jobs where run_id = $1 limit 1", run_id)
    await insert(
        database, "served_models", session_id=owned.session_id, user_id=owned.user_id, target="load", job_id=job_id
    )


async def test_runs_go_by_age_and_by_number_of_their_user_and_it_is_said_why(
    database: Database, store: FailingStore
) -> None:
    owned = await make_session(database, status="completed")
    for number, days in enumerate((90, 60, 20, 10, 1), start=1):
        await finished_run(database, store, owned, number, days_ago=days)
    other = await make_session(database, status="completed", user_id=owned.user_id)
    await finished_run(database, store, other, 1, days_ago=5)
    stranger = await make_session(database, status="completed")
    await finished_run(database, store, stranger, 1, days_ago=3)

    assert await due(database, A_MONTH) == [
        (1, "ended more than 30 days ago"),
        (2, "ended more than 30 days ago"),
    ]
    # The newest first: run 5, the other session's, runs 4, 3, 2 and 1.
    assert await due(database, Rule(days=None, runs=4)) == [
        (1, "number 6 from the newest, 4 are kept"),
        (2, "number 5 from the newest, 4 are kept"),
    ]
    assert (await due(database, Rule(days=30, runs=4)))[0] == (
        1,
        "ended more than 30 days ago; number 6 from the newest, 4 are kept",
    )
    assert await due(database, Rule(days=None, runs=None)) == []


async def test_f46_what_is_served_in_use_or_a_sessions_newest_stays(database: Database, store: FailingStore) -> None:
    """Runs that fail push nothing out: the last results that there are stay, and so does the newest number."""
    by_case: dict[str, Owned] = {}
    for case, status in (
        ("newest", "completed"),
        ("served", "completed"),
        ("training", "training"),
        ("generating", "generating"),
        ("failed since", "failed"),
        ("storing", "completed"),
        ("stopping", "cancelled"),
        ("forecast", "completed"),
    ):
        owned = by_case[case] = await make_session(database, status=status)
        run_id = await finished_run(database, store, owned, 1, days_ago=90)
        if case in ("served", "training", "generating", "storing", "stopping", "forecast"):
            await finished_run(database, store, owned, 2, days_ago=80)
        if case == "failed since":
            for number in (2, 3):
                await finished_run(database, store, owned, number, days_ago=70 - number, status="failed")
        if case == "served":
            await serve(database, owned, run_id)
        if case == "forecast":
            await insert(
                database,
                "forecast_jobs",
                user_id=owned.user_id,
                file_name="a.csv",
                input_file_path=f"{owned.user_id}/{uuid4()}/input.csv",
                status="processing",
                session_id=owned.session_id,
                expires_at=await _now(database),
            )
        if case in ("storing", "stopping"):
            async with database.transaction() as transaction:
                await transaction.execute(
                    "update training_results set status = 'storing' where run_id = $1"
                    if case == "storing"
                    else "update training_jobs set lease_until = now() + interval '1 day' where run_id = $1",
                    run_id,
                )
    await retire_runs(database, store, Rule(days=1, runs=1))
    left = {case: await runs_of(database, owned) for case, owned in by_case.items()}
    assert left == {
        "newest": [1],
        "served": [1, 2],
        "training": [1, 2],
        "generating": [1, 2],
        "failed since": [1, 3],
        "storing": [1, 2],
        "stopping": [1, 2],
        "forecast": [1, 2],
    }


async def test_f50_a_run_goes_with_everything_and_the_quota_is_the_size_of_what_is_left(
    database: Database, store: FailingStore
) -> None:
    owned = await make_session(database, status="completed")
    first = await finished_run(database, store, owned, 1, days_ago=90, models=3)
    await finished_run(database, store, owned, 2, days_ago=1, models=2)

    async def used() -> tuple[int, int]:
        """As the quota counts, and as the store has it."""
        stored = [found.size for bucket in BUCKETS async for found in store.list(bucket)]
        async with database.transaction() as transaction:
            counted: int = await transaction.fetch_value("select foretide.storage_used($1)", owned.user_id)
        return counted, sum(stored)

    assert await used() == (2000, 2000)
    async with database.transaction() as transaction:
        [told] = await due_runs(transaction, A_MONTH)
    assert (told.run_id, told.models, told.bytes) == (first, 3, 1200)
    assert await used() == (2000, 2000), "looking changes nothing"

    await retire_runs(database, store, A_MONTH)
    assert await used() == (800, 800)
    assert await runs_of(database, owned) == [2]
    assert await said_deleted(database, owned) == [3]
    async with database.transaction() as transaction:
        for table in ("training_jobs", "training_results"):
            assert not await transaction.fetch_value(f"select count(*) from {table} where run_id = $1", first)
        plots = "select count(*) from training_visualizations where session_id = $1"
        assert await transaction.fetch_value(plots, owned.session_id) == 2


@pytest.mark.parametrize("deleted", [0, 1, 4, 7])
async def test_f45_a_store_that_goes_away_meanwhile_leaves_nothing_behind_once_it_is_back(
    servers: LocalServers, database: Database, store: FailingStore, deleted: int
) -> None:
    """Out of sight at once, at no time a row that points nowhere, and said once when it is gone."""
    owned = await make_session(database, status="completed")
    first = await finished_run(database, store, owned, 1, days_ago=90, models=2)
    await finished_run(database, store, owned, 2, days_ago=1)
    store.goes_after(deleted)
    with pytest.raises(StoreUnavailable):
        await retire_runs(database, store, A_MONTH)
    assert len(await listed(store, BUCKETS)) == 12 - deleted
    async with database.transaction() as transaction:
        statuses = await transaction.fetch("select distinct status from training_results where run_id = $1", first)
        assert [row["status"] for row in statuses] == ["deleting"]
        plots = "select count(*) from training_visualizations where session_id = $1"
        assert await transaction.fetch_value(plots, owned.session_id) == 1
        await transaction.execute(
            "update training_runs set removing_since = now() - interval '1 hour' where id = $1", first
        )
    store.back()
    await asyncio.gather(finish_retirements(database, store), finish_retirements(database, store))
    assert len(await listed(store, BUCKETS)) == 4
    assert await runs_of(database, owned) == [2]
    assert sum(await said_deleted(database, owned)) == 2
    assert len(await said_deleted(database, owned)) == 1


async def test_a_model_that_is_served_while_it_is_chosen_stays(database: Database, store: FailingStore) -> None:
    """Who removes a run waits for a pointer that is being moved to it."""
    owned = await make_session(database, status="completed")
    first = await finished_run(database, store, owned, 1, days_ago=90)
    await finished_run(database, store, owned, 2, days_ago=1)
    async with database.transaction() as transaction:
        job_id = await transaction.fetch_value("select id from training_jobs where run_id = $1", first)
        await transaction.execute(
            "insert into served_models (session_id, user_id, target, job_id) values ($1, $2, 'load', $3)",
            owned.session_id,
            owned.user_id,
            job_id,
        )
        retiring = asyncio.create_task(retire_runs(database, store, A_MONTH))

        async def waits() -> bool:
            async with database.transaction() as other:
                return bool(await other.fetch_value("select count(*) from pg_locks where not granted"))

        await until(waits, what="the removal waits for the pointer")
    await retiring
    assert await runs_of(database, owned) == [1, 2]
    assert len(await listed(store, BUCKETS)) == 8


async def test_a_model_that_is_going_is_not_served_any_more(database: Database, store: FailingStore) -> None:
    owned = await make_session(database, status="completed")
    first = await finished_run(database, store, owned, 1, days_ago=90)
    await finished_run(database, store, owned, 2, days_ago=1)
    store.goes_after(1)
    with pytest.raises(StoreUnavailable):
        await retire_runs(database, store, A_MONTH)
    with pytest.raises(DatabaseUnavailable):
        await serve(database, owned, first)


async def test_the_service_keeps_to_its_rule_by_itself(servers: LocalServers, database: Database) -> None:
    owned = await make_session(database, status="completed")
    async with open_store(servers.store_url, public_url="", signing_secret="unused") as objects:
        await finished_run(database, objects, owned, 1, days_ago=90)
        await finished_run(database, objects, owned, 2, days_ago=1)
    async with running(create_app(settings_for(servers, retention_days=30))):

        async def gone() -> bool:
            return await runs_of(database, owned) == [2]

        await until(gone, what="the old run is gone")


async def test_the_command_shows_what_would_go_and_then_removes_it(
    servers: LocalServers, database: Database, store: FailingStore, tmp_path: Path
) -> None:
    owned = await make_session(database, status="completed")
    await finished_run(database, store, owned, 1, days_ago=90)
    await finished_run(database, store, owned, 2, days_ago=1)

    async def command(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "foretide", "storage", "retention", *arguments),
            env={
                **os.environ,
                "FORETIDE_DATABASE_URL": servers.database_url,
                "FORETIDE_STORE_URL": f"file://{tmp_path}/objects",
                "FORETIDE_RETENTION_DAYS": "30",
            },
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await process.communicate()
        return process.returncode, answer.decode()

    code, text = await command("--dry-run", "--json")
    [told] = json.loads(text)["runs"]
    assert (code, told["number"], told["why"]) == (0, 1, "ended more than 30 days ago")
    assert await runs_of(database, owned) == [1, 2]
    code, text = await command()
    assert (code, text.splitlines()[-1]) == (0, "1 runs, 400 bytes removed.")
    assert await runs_of(database, owned) == [2]


async def _now(database: Database) -> object:
    async with database.transaction() as transaction:
        return await transaction.fetch_value("select now()")
