"""What is removed is removed everywhere, whoever is killed meanwhile: results, and the remains of lost attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from foretide.stack.servers import LocalServers
from services.dataset.worker import on_session_deleted as datasets_of_deleted
from services.results.app import create_app
from services.results.removal import finish_removals
from services.results.removal import on_session_deleted as results_of_deleted
from services.trainer.app import create_api
from services.trainer.handlers import on_session_deleted as models_of_deleted
from services.upload.deletion import begin_deletion, finish_deletions
from shared.database.pool import Database
from shared.storage.errors import StoreUnavailable
from shared.storage.keys import ML_ARTIFACTS, TRAINING_DATASETS, TRAINING_FILES, TRAINING_RESULTS
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned, make_session
from tests.integration.stored import FailingStore, finished_run, insert, insert_file, listed, put
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def store(servers: LocalServers) -> AsyncIterator[ObjectStore]:
    opening = open_store(servers.store_url, public_url="http://test", signing_secret=servers.signing_secret)
    async with opening as opened:
        yield opened


async def keys(store: ObjectStore, bucket: str, session_id: str) -> set[str]:
    prefix = f"models/{session_id}/" if bucket == ML_ARTIFACTS else f"{session_id}/"
    return {entry.key.removeprefix(prefix) async for entry in store.list(bucket, prefix)}


async def put_result(database: Database, store: ObjectStore, owned: Owned, second: int) -> UUID:
    """A stored result with its document, model and plot; its job."""
    job_id, stamp = uuid4(), f"20240101_00000{second}"
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_results (session_id, user_id, job_id, status, results_file_path)
               values ($1, $2, $3, 'completed', $4)""",
            owned.session_id,
            owned.user_id,
            job_id,
            f"{owned.session_id}/training_results_{stamp}.json.gz",
        )
        await transaction.execute(
            """insert into training_visualizations (session_id, user_id, job_id, plot_name, plot_type, storage_path)
               values ($1, $2, $3, 'loss_curve', 'loss_curve', 'x')""",
            owned.session_id,
            owned.user_id,
            job_id,
        )
    for name in (f"training_results_{stamp}.json.gz", f"model_{stamp}.keras", f"plots/{job_id}/loss_curve.png"):
        await store.put(TRAINING_RESULTS, f"{owned.session_id}/{name}", b"x")
    return job_id


async def results_left(database: Database, owned: Owned) -> tuple[int, int, int]:
    """Rows of results, of their plots, and events that say that they are gone."""
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(
            """select (select count(*) from training_results where session_id = $1),
                (select count(*) from training_visualizations where session_id = $1),
                (select count(*) from session_events where session_id = $1 and name = 'results.deleted')""",
            owned.session_id,
        )
    assert row is not None
    return row[0], row[1], row[2]


async def test_000_77_deleted_results_are_gone_with_their_objects_and_the_datasets_plots_stay(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    owned = await make_session(database, status="completed")
    for second in (1, 2):
        await put_result(database, store, owned, second)
    await store.put(TRAINING_RESULTS, f"{owned.session_id}/plots/violin_inputs.png", b"x")
    async with (
        running(create_app(settings_for(servers, sweep_seconds=3600))) as results,
        caller(results, servers, owned.user_id) as client,
    ):
        answer = await client.delete(f"/api/training/results/{owned.session_id}")
        again = await client.delete(f"/api/training/results/{owned.session_id}")
    assert (answer.status_code, answer.json()) == (200, {"results": 2, "objects": 6})
    assert (again.status_code, again.json()) == (200, {"results": 0, "objects": 0})
    assert await keys(store, TRAINING_RESULTS, owned.session_id) == {"plots/violin_inputs.png"}
    assert await results_left(database, owned) == (0, 0, 1)


async def test_a_removal_that_was_broken_off_is_finished_by_the_next_process_and_said_once(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    owned = await make_session(database, status="completed")
    await put_result(database, store, owned, 1)
    async with database.transaction() as transaction:
        await transaction.execute(
            """update training_results set status = 'deleting', deleting_since = now() - interval '1 hour'
               where session_id = $1""",
            owned.session_id,
        )
    async with running(create_app(settings_for(servers))):

        async def gone() -> bool:
            return await results_left(database, owned) == (0, 0, 1)

        await until(gone, what="the removal finished")
    assert await keys(store, TRAINING_RESULTS, owned.session_id) == set()


async def test_results_are_not_removed_while_a_run_is_under_way(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    owned = await make_session(database, status="training")
    await put_result(database, store, owned, 1)
    async with (
        running(create_app(settings_for(servers, sweep_seconds=3600))) as results,
        caller(results, servers, owned.user_id) as client,
    ):
        answer = await client.delete(f"/api/training/results/{owned.session_id}")
    assert answer.status_code == 409
    assert len(await keys(store, TRAINING_RESULTS, owned.session_id)) == 3


async def test_what_a_killed_worker_stored_for_a_job_that_was_then_cancelled_is_removed(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    owned = await make_session(database, status="cancelled")
    run_id, lapsed, stopping = uuid4(), uuid4(), uuid4()
    async with database.transaction() as transaction:
        await transaction.execute(
            """with dataset as (
                   insert into training_datasets (session_id, user_id, name, storage_path, configuration, status)
                   values ($2, $3, 'd', $2 || '/d.npz', '{}', 'ready') returning id
               )
               insert into training_runs (id, session_id, user_id, number, status, dataset_id)
               select $1, $2, $3, 1, 'cancelled', id from dataset""",
            run_id,
            owned.session_id,
            owned.user_id,
        )
        for position, (job_id, seconds) in enumerate(((lapsed, -1), (stopping, 600))):
            await transaction.execute(
                """insert into training_jobs (id, run_id, session_id, user_id, position, model, target, parameters,
                       status, attempt, has_remains, lease_until, ended_at)
                   values ($1, $2, $3, $4, $5, 'Linear', 't', '{}', 'cancelled', 2, true,
                       now() + make_interval(secs => $6), now())""",
                job_id,
                run_id,
                owned.session_id,
                owned.user_id,
                position,
                seconds,
            )
            await store.put(ML_ARTIFACTS, f"models/{owned.session_id}/{job_id}/2/model.keras", b"x")
    async with running(create_api(settings_for(servers))):

        async def removed() -> bool:
            return await keys(store, ML_ARTIFACTS, owned.session_id) == {f"{stopping}/2/model.keras"}

        await until(removed, what="the remains are gone; those of a worker that may still write are not")


async def test_results_of_an_earlier_system_are_removed_whatever_their_objects_are_called(
    servers: LocalServers, database: Database, store: ObjectStore
) -> None:
    owned = await make_session(database, status="completed")
    common = {"session_id": owned.session_id, "user_id": owned.user_id, "status": "completed"}
    path = f"{owned.session_id}/results.gz"
    await insert(database, "training_results", **common, results={"metrics": {}})
    await insert(database, "training_results", **common, results_file_path=path)
    await insert(database, "training_results", **common, results_file_path=f"{uuid4()}.gz")
    await put(store, TRAINING_RESULTS, path)
    await put(store, TRAINING_RESULTS, f"{owned.session_id}/plots/violin_load.png")
    async with (
        running(create_app(settings_for(servers, sweep_seconds=3600))) as results,
        caller(results, servers, owned.user_id) as client,
    ):
        answer = await client.delete(f"/api/training/results/{owned.session_id}")
    assert answer.json() == {"results": 3, "objects": 1}
    assert await keys(store, TRAINING_RESULTS, owned.session_id) == {"plots/violin_load.png"}


async def cut_short(database: Database, tmp_path: Path, *, status: str) -> tuple[FailingStore, Owned]:
    """A session with two runs' results and models, and a dataset with its plot, in a store of its own."""
    store = FailingStore(tmp_path / "objects", public_url="", signing_secret="unused")
    owned = await make_session(database, status=status)
    for number in (1, 2):
        await finished_run(database, store, owned, number, days_ago=number)
    path = f"{owned.user_id}/datasets/{uuid4()}.npz"
    plot = await put(store, TRAINING_RESULTS, f"{owned.session_id}/plots/violin_load.png")
    common = {"session_id": owned.session_id, "user_id": owned.user_id}
    await insert(
        database,
        "training_datasets",
        **common,
        name="d",
        storage_path=path,
        configuration={},
        status="ready",
        metadata={"references": {"dataset": await put(store, TRAINING_DATASETS, path), "violin_load": plot}},
    )
    named = {"plot_name": "violin_load", "plot_type": "violin", "storage_path": plot["key"]}
    await insert(database, "training_visualizations", **common, **named)
    return store, owned


@pytest.mark.parametrize("deleted", [0, 1, 3, 5])
async def test_f45_results_whose_deletion_the_store_cut_short_go_when_it_is_back_and_it_is_said_once(
    servers: LocalServers, database: Database, tmp_path: Path, deleted: int
) -> None:
    """Of what is going nothing is shown meanwhile, so nobody is led to an object that is gone."""
    store, owned = await cut_short(database, tmp_path, status="completed")
    async with (
        running(create_app(settings_for(servers, sweep_seconds=3600))) as results,
        caller(results, servers, owned.user_id) as client,
    ):
        results.state.service._store = store
        store.goes_after(deleted)
        refused = await client.delete(f"/api/training/results/{owned.session_id}")
        assert (refused.status_code, refused.json()["category"]) == (503, "STORAGE_UNAVAILABLE")
        shown = (await client.get(f"/api/training/results/{owned.session_id}")).json()["results"]
        plots = (await client.get(f"/api/training/visualizations/{owned.session_id}")).json()["items"]
        assert (shown, [plot["plotName"] for plot in plots]) == ([], ["violin_load"])
    async with database.transaction() as transaction:
        await transaction.execute(
            "update training_results set deleting_since = now() - interval '1 hour' where session_id = $1",
            owned.session_id,
        )
    with pytest.raises(StoreUnavailable):
        await finish_removals(database, store)
    store.back()
    await asyncio.gather(finish_removals(database, store), finish_removals(database, store))
    assert await results_left(database, owned) == (0, 1, 1)
    assert await keys(store, TRAINING_RESULTS, owned.session_id) == {"plots/violin_load.png"}
    assert len(await keys(store, ML_ARTIFACTS, owned.session_id)) == 2, "models stay"


@pytest.mark.parametrize("deleted", [0, 2, 5])
async def test_f45_a_session_whose_deletion_the_store_cut_short_everywhere_goes_when_it_is_back(
    database: Database, tmp_path: Path, deleted: int
) -> None:
    """In each service the objects go before the rows that name them, whichever service is cut short."""
    store, owned = await cut_short(database, tmp_path, status="completed")
    file = await put(store, TRAINING_FILES, f"{owned.user_id}/{uuid4()}/raw.csv")
    await insert_file(database, owned, file, canonical=file)
    async with database.transaction() as transaction:
        await begin_deletion(transaction, owned.user_id, owned.session_id)

    async def every_service() -> None:
        """As ``session.deleted`` and the sweep have them do it, redelivered until it went well."""
        for remove in (results_of_deleted, datasets_of_deleted, models_of_deleted):
            await remove(database, store, owned.session_id)
        await finish_deletions(database, store)

    everything = (TRAINING_FILES, TRAINING_DATASETS, TRAINING_RESULTS, ML_ARTIFACTS)
    for good_for in range(deleted, 20):
        store.goes_after(good_for)
        with suppress(StoreUnavailable):
            await every_service()
        async with database.transaction() as transaction:
            status = await transaction.fetch_value(
                "select status from training_sessions where session_id = $1", owned.session_id
            )
        left = await listed(store, everything)
        assert status == "deleting" or not left, "while anything is left, somebody knows of it"
        if not left:
            break
    store.back()
    await every_service()
    async with database.transaction() as transaction:
        assert not await transaction.fetch_value(
            "select count(*) from training_sessions where session_id = $1", owned.session_id
        )
        said = await transaction.fetch(
            "select routing_key from outbox where envelope ->> 'subject' = $1 order by position", owned.session_id
        )
    assert [row["routing_key"] for row in said] == ["session.deleted", "session.purged"]
