"""Store and rows compared, on both stores: nobody's objects go, claimed ones stay, missing ones are told."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from foretide.stack.ports import Ports
from foretide.stack.seaweedfs import SeaweedServer
from foretide.stack.servers import LocalServers
from services.results.app import create_app
from services.results.reconciliation import orphans
from services.results.reconciliation.claims import unclaimed
from services.results.reconciliation.reconcile import reconcile
from services.results.reconciliation.report import Report, Tallies
from shared.database.pool import Database
from shared.storage.errors import StoreRefused, StoreUnavailable
from shared.storage.keys import (
    BUCKETS,
    ML_ARTIFACTS,
    TRAINING_RESULTS,
    UPLOAD_STAGING,
)
from shared.storage.local import LocalStore
from shared.storage.open import open_store
from shared.storage.port import ObjectInfo, ObjectStore
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned, make_session
from tests.integration.stored import FailingStore, Key, finished_run, insert, listed, put
from tests.integration.world import in_a_day, make_world
from tests.waiting import until

pytestmark = pytest.mark.integration

AT_ONCE = timedelta(0)
A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def s3_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    directory = tmp_path_factory.mktemp("seaweedfs")
    (directory / "logs").mkdir()
    server = SeaweedServer(directory, Ports(directory / "ports.json"))
    await server.start()
    yield server.url
    await server.stop()


@pytest.fixture(params=["folder", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    url: str = request.getfixturevalue("s3_url") if request.param == "s3" else f"file://{tmp_path}/objects"
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[ObjectStore]:
    async with open_store(store_url, public_url="", signing_secret="unused") as opened:
        yield opened


@pytest.fixture(autouse=True)
async def nothing_else(servers: LocalServers) -> None:
    """No rows of other tests: a reconciliation looks at all there are."""
    owner = await asyncpg.connect(servers.database_superuser_url)
    try:
        await owner.execute("truncate public.training_sessions, public.uploads, public.forecast_jobs cascade")
    finally:
        await owner.close()


def total(tallies: Tallies) -> int:
    return sum(tally.count for tally in tallies.values())


async def test_f45_what_no_row_claims_is_removed_past_its_grace_and_nothing_else(
    database: Database, store: ObjectStore
) -> None:
    before = await listed(store, BUCKETS)
    world = await make_world(database, store)
    everything = world.claimed | world.orphaned | world.foreign

    dry = await reconcile(database, store, grace=AT_ONCE, dry_run=True)
    assert await listed(store, BUCKETS) - before == everything
    assert (total(dry.orphaned), total(dry.removed), dry.consistent) == (len(world.orphaned), 0, False)

    early = await reconcile(database, store, grace=A_DAY, dry_run=False)
    assert await listed(store, BUCKETS) - before == everything, "all of it is newer than a day"
    assert (total(early.orphaned), total(early.recent)) == (0, len(world.orphaned))

    real = await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert await listed(store, BUCKETS) - before == world.claimed | world.foreign
    assert total(real.removed) == len(world.orphaned)
    assert world.foreign <= await listed(store, BUCKETS), "what is not named as Foretide names objects is not judged"

    again = await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert total(again.orphaned) == 0


async def test_a_row_without_its_object_is_told_and_a_result_says_so_until_the_object_is_back(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    world = await make_world(database, store)
    session_id = world.owned.session_id
    rows = await row_counts(database)
    ends = {
        "uploads": "/raw.csv",
        "training_files": "/canonical-1.parquet",
        "forecast_jobs": "/input.csv",
        "training_datasets": ".scalers.skops",
        "training_jobs": "/1/model.skops",
        "training_results": ".json.gz",
        "training_visualizations": "/loss_curve.png",
    }
    named = await named_objects(database, world.owned)
    gone = {table: next(n for n in sorted(named[table]) if n[1].endswith(end)) for table, end in ends.items()}
    for bucket, key in gone.values():
        await store.delete_many(bucket, [key])

    dry = await reconcile(database, store, grace=A_DAY, dry_run=True)
    assert await result_status(database, session_id) == ("completed", None)
    assert told(dry) == {table: {"/".join(name)} for table, name in gone.items()}

    report = await reconcile(database, store, grace=A_DAY, dry_run=False)
    assert (report.consistent, told(report)) == (False, told(dry))
    assert await row_counts(database) == rows, "no row is removed"
    status, summary = await result_status(database, session_id)
    assert (status, summary["problem"]["title"]) == ("failed", "Stored results are missing")
    settings = settings_for(servers, sweep_seconds=3600, reconcile_hours=0)
    async with running(create_app(settings)) as results, caller(results, servers, world.owned.user_id) as client:
        shown = (await client.get(f"/api/training/results/{session_id}")).json()["results"]
    assert [entry["problem"] for entry in shown if entry["status"] == "failed"] == [summary["problem"]]
    assert gone["training_results"][1] in summary["problem"]["detail"]

    for bucket, key in gone.values():
        await put(store, bucket, key)
    restored = await reconcile(database, store, grace=A_DAY, dry_run=False)
    assert (restored.results_restored, told(restored)) == (1, {})
    assert await result_status(database, session_id) == ("completed", None)


async def test_what_is_claimed_while_the_store_is_gone_through_is_not_removed(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await make_world(database, store)
    storage_id = uuid4()
    await put(store, UPLOAD_STAGING, f"{storage_id}/part")
    expires = await in_a_day(database)
    looks = 0

    async def claimed_after_the_first_look(where: Database, bucket: str, keys: list[str]) -> set[str]:
        nonlocal looks
        found = await unclaimed(where, bucket, keys)
        if f"{storage_id}/part" in found:
            looks += 1
            await insert(
                database,
                "uploads",
                user_id=world.owned.user_id,
                upload_id="late",
                file_name="a.csv",
                file_type="input",
                total_chunks=1,
                expires_at=expires,
                storage_id=storage_id,
            )
        return found

    monkeypatch.setattr(orphans, "unclaimed", claimed_after_the_first_look)
    await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert looks == 1
    assert (UPLOAD_STAGING, f"{storage_id}/part") in await listed(store, [UPLOAD_STAGING])


async def test_a_store_that_has_nothing_of_what_the_rows_name_is_not_touched(
    database: Database, tmp_path: Path
) -> None:
    """A wrong address, a folder that is not mounted, a database restored from nothing."""
    async with open_store(f"file://{tmp_path}/first", public_url="", signing_secret="unused") as right:
        world = await make_world(database, right)
    async with open_store(f"file://{tmp_path}/other", public_url="", signing_secret="unused") as wrong:
        await put(wrong, UPLOAD_STAGING, f"{uuid4()}/part")
        report = await reconcile(database, wrong, grace=AT_ONCE, dry_run=False)
        assert (report.unrelated, report.consistent, total(report.orphaned)) == (True, False, 1)
        assert len(await listed(wrong, BUCKETS)) == 1
    assert (await result_status(database, world.owned.session_id))[0] == "completed"


async def test_a_store_that_goes_away_meanwhile_is_gone_on_with_when_it_is_back(
    database: Database, tmp_path: Path
) -> None:
    store = FailingStore(tmp_path / "objects", public_url="", signing_secret="unused")
    world = await make_world(database, store)
    store.goes_after(3)
    with pytest.raises(StoreUnavailable):
        await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert len(await listed(store, BUCKETS)) == len(world.claimed | world.orphaned | world.foreign) - 3
    store.back()
    await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert await listed(store, BUCKETS) == world.claimed | world.foreign


async def test_a_refused_deletion_stops_neither_other_buckets_nor_what_is_missing_and_is_told(
    database: Database, tmp_path: Path
) -> None:
    class Locked(LocalStore):
        async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
            if bucket == ML_ARTIFACTS:
                raise StoreRefused("the object is locked", retryable=False)
            await super().delete_many(bucket, keys)

    store = Locked(tmp_path / "objects", public_url="", signing_secret="unused")
    world = await make_world(database, store)

    report = await reconcile(database, store, grace=AT_ONCE, dry_run=False)

    left = await listed(store, BUCKETS) - world.claimed - world.foreign
    assert left
    assert {key[0] for key in left} == {ML_ARTIFACTS}
    assert [refused.partition(":")[0] for refused in report.refused] == [ML_ARTIFACTS]
    assert report.references
    assert not report.consistent


async def test_rows_and_objects_of_earlier_systems_stop_nothing(database: Database, tmp_path: Path) -> None:
    """Names that no store of ours takes, buckets that are not ours, references that are none, plots in the row."""
    store = LocalStore(tmp_path / "objects", public_url="", signing_secret="unused")
    world = await make_world(database, store)
    common = {"session_id": world.owned.session_id, "user_id": world.owned.user_id}
    plot = {"plot_type": "p"}
    await insert(database, "training_visualizations", **common, **plot, plot_name="a", storage_path="Größe.png")
    await insert(database, "training_visualizations", **common, **plot, plot_name="b", plot_data_base64="eA==")
    await insert(database, "training_results", **common, status="completed", results={"metrics": {}})
    artifacts = {"model": {"bucket": "trained-models", "key": "x"}, "other": {"bytes": 3}, "text": "x"}
    run_id = await finished_run(database, store, world.owned, 7, days_ago=1)
    async with database.transaction() as transaction:
        await transaction.execute("update training_jobs set artifacts = $2 where run_id = $1", run_id, artifacts)
    (tmp_path / "objects" / TRAINING_RESULTS / "Größe.png").write_bytes(b"x")
    report = await reconcile(database, store, grace=AT_ONCE, dry_run=False)
    assert told(report) == {
        "training_visualizations": {f"{TRAINING_RESULTS}/Größe.png"},
        "training_jobs": {"trained-models/x"},
    }
    assert report.foreign[TRAINING_RESULTS].examples == ["Größe.png"]


class EndlessStore(LocalStore):
    """Lists so many objects of one bucket, all of them nobody's and none of them there."""

    objects = 0

    async def list(self, bucket: str, prefix: str = "") -> AsyncGenerator[ObjectInfo, None]:
        changed = datetime(2024, 1, 1, tzinfo=UTC)
        for _ in range(self.objects if bucket == ML_ARTIFACTS else 0):
            yield ObjectInfo(bucket, f"models/{uuid4()}/{uuid4()}/1/model.keras", 10, changed)


async def test_memory_does_not_grow_with_the_number_of_objects(database: Database, tmp_path: Path) -> None:
    store = EndlessStore(tmp_path / "objects", public_url="", signing_secret="unused")
    await make_world(database, store)
    peaks = {}
    for count in (2_000, 2_000, 20_000):
        store.objects = count
        tracemalloc.start()
        # Dry: what is removed is logged, which would be measured, too.
        report = await reconcile(database, store, grace=A_DAY, dry_run=True)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        orphaned = report.orphaned[ML_ARTIFACTS]
        assert (orphaned.count, orphaned.bytes, len(orphaned.examples)) == (count, 10 * count, 5)
    assert peaks[20_000] < peaks[2_000] + 500_000


async def test_the_service_compares_by_itself_with_its_own_grace(servers: LocalServers, database: Database) -> None:
    owned = await make_session(database, status="completed")
    async with open_store(servers.store_url, public_url="", signing_secret="unused") as store:
        await finished_run(database, store, owned, 1, days_ago=1)
        old, new = f"models/{owned.session_id}/{uuid4()}/1/old", f"models/{owned.session_id}/{uuid4()}/1/new"
        for key in (old, new):
            await put(store, ML_ARTIFACTS, key)
        path = servers.data_directory / "objects" / ML_ARTIFACTS / old
        two_hours_ago = path.stat().st_mtime - 7200
        os.utime(path, (two_hours_ago, two_hours_ago))
        settings = settings_for(servers, reconcile_hours=0.0001, orphan_grace_hours=1)
        async with running(create_app(settings)):
            await until(lambda: not path.exists(), what="the orphan is gone")
        assert (ML_ARTIFACTS, new) in await listed(store, [ML_ARTIFACTS])


async def test_the_command_tells_and_its_exit_status_says_whether_all_is_well(
    servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/objects"
    async with AsyncExitStack() as opened:
        store = await opened.enter_async_context(open_store(url, public_url="", signing_secret="unused"))
        world = await make_world(database, store)

        async def command(*arguments: str) -> tuple[int | None, str]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "foretide", "storage", "reconcile", *arguments),
                env={**os.environ, "FORETIDE_DATABASE_URL": servers.database_url, "FORETIDE_STORE_URL": url},
                stdout=asyncio.subprocess.PIPE,
            )
            answer, _ = await process.communicate()
            return process.returncode, answer.decode()

        code, text = await command("--dry-run", "--grace", "0", "--json")
        answer = json.loads(text)
        assert (code, answer["dry_run"], answer["consistent"]) == (3, True, False)
        assert sum(tally["count"] for tally in answer["orphaned"].values()) == len(world.orphaned)
        assert world.orphaned <= await listed(store, BUCKETS)
        code, text = await command("--grace", "0")
        assert not world.orphaned & await listed(store, BUCKETS)
        assert "removed" in text


def told(report: Report) -> dict[str, set[str]]:
    """By table, the objects that its rows miss."""
    return {table: {example.partition(" ")[0] for example in tally.examples} for table, tally in report.missing.items()}


async def result_status(database: Database, session_id: str) -> tuple[str, Any]:
    """Of the session's one result that is not being stored."""
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(
            "select status, summary from training_results where session_id = $1 and status <> 'storing'", session_id
        )
    assert row is not None
    return row["status"], row["summary"]


TABLES = (
    "uploads",
    "training_files",
    "forecast_jobs",
    "training_datasets",
    "training_jobs",
    "training_results",
    "training_visualizations",
)


async def row_counts(database: Database) -> dict[str, int]:
    async with database.transaction() as transaction:
        return {t: await transaction.fetch_value(f"select count(*) from public.{t}") for t in TABLES}


async def named_objects(database: Database, owned: Owned) -> dict[str, set[Key]]:
    """What each table's rows of this user name, as their own columns say it."""
    named: dict[str, set[Key]] = {table: set() for table in TABLES}
    async with database.transaction() as transaction:
        for table in TABLES:
            for row in await transaction.fetch(f"select * from public.{table} where user_id = $1", owned.user_id):
                documents: list[Any] = [row[name] for name in ("raw", "canonical") if row.get(name)]
                documents += (row.get("artifacts") or {}).values()
                documents += (row.get("metadata") or {}).get("references", {}).values()
                own = [d for d in documents if table != "training_results" or d["bucket"] == TRAINING_RESULTS]
                named[table] |= {(d["bucket"], d["key"]) for d in own}
                if table == "training_visualizations":
                    named[table].add((TRAINING_RESULTS, row["storage_path"]))
    return named
