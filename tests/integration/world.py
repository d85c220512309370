"""Every kind of row that claims objects, with objects of its own and objects that are nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from shared.database.pool import Database
from shared.storage.keys import (
    BUCKETS,
    FORECAST_UPLOADS,
    ML_ARTIFACTS,
    TRAINING_DATASETS,
    TRAINING_FILES,
    TRAINING_RESULTS,
    UPLOAD_STAGING,
)
from shared.storage.port import ObjectStore
from tests.integration.conftest import Owned, make_session
from tests.integration.stored import Key, finished_run, insert, insert_file, listed, put


@dataclass
class World:
    """What was put there: objects by what becomes of them."""

    owned: Owned
    claimed: set[Key] = field(default_factory=set)
    orphaned: set[Key] = field(default_factory=set)
    foreign: set[Key] = field(default_factory=set)


async def make_world(database: Database, store: ObjectStore) -> World:
    """Every kind of row that claims objects, each with objects that are its own and objects that are nobody's."""
    owned = await make_session(database, status="completed")
    world = World(owned)
    user = owned.user_id

    async def claimed(bucket: str, key: str) -> dict[str, Any]:
        world.claimed.add((bucket, key))
        return await put(store, bucket, key)

    async def nobodys(bucket: str, *keys: str) -> None:
        world.orphaned.update((bucket, key) for key in keys)
        for key in keys:
            await put(store, bucket, key)

    # Uploads under way, and one that is whole.
    staging, whole = uuid4(), uuid4()
    upload = {
        "user_id": user,
        "file_name": "a.csv",
        "file_type": "input",
        "total_chunks": 2,
        "expires_at": await in_a_day(database),
    }
    await insert(database, "uploads", **upload, upload_id="open", storage_id=staging)
    await claimed(UPLOAD_STAGING, f"{staging}/00000000-{'0' * 64}")
    await claimed(TRAINING_FILES, f"{user}/{staging}/raw.csv")
    raw = await claimed(TRAINING_FILES, f"{user}/{whole}/raw.csv")
    canonical = await claimed(TRAINING_FILES, f"{user}/{whole}/canonical.parquet")
    read = {"raw": raw, "canonical": canonical}
    await insert(
        database, "uploads", **upload, upload_id="whole", storage_id=whole, status="completed", staged=False, **read
    )
    await nobodys(UPLOAD_STAGING, f"{whole}/late", f"{uuid4()}/part")
    await nobodys(TRAINING_FILES, f"{user}/{whole}/other", f"{user}/{uuid4()}/raw.csv")

    # A session's file, which is being read for the third time.
    folder = f"{user}/{uuid4()}"
    raw = await claimed(TRAINING_FILES, f"{folder}/raw.csv")
    canonical = await claimed(TRAINING_FILES, f"{folder}/canonical-1.parquet")
    await claimed(TRAINING_FILES, f"{folder}/canonical-3.parquet")
    await insert_file(database, owned, raw, canonical=canonical, reading=1, last_reading=3)
    await nobodys(TRAINING_FILES, f"{folder}/canonical.parquet", f"{folder}/canonical-2.parquet")

    # A forecast job: its folder is its own.
    job = uuid4()
    raw = await claimed(FORECAST_UPLOADS, f"{user}/{job}/input.csv")
    await claimed(FORECAST_UPLOADS, f"{user}/{job}/canonical-{uuid4().hex}.parquet")
    await insert(
        database,
        "forecast_jobs",
        id=job,
        user_id=user,
        file_name="a.csv",
        input_file_path=raw["key"],
        raw=raw,
        canonical=raw,
        analysis={},
        expires_at=await in_a_day(database),
    )
    await nobodys(FORECAST_UPLOADS, f"{user}/{uuid4()}/input.csv")

    await _datasets(database, world, claimed, nobodys)
    await _jobs_and_results(database, store, world, claimed, nobodys)
    for bucket, key in (
        (ML_ARTIFACTS, "exports/a.csv"),
        (UPLOAD_STAGING, "readme.txt"),
        (TRAINING_DATASETS, "a/b.npz"),
    ):
        world.foreign.add((bucket, key))
        await put(store, bucket, key)
    return world


async def _datasets(database: Database, world: World, claimed: Any, nobodys: Any) -> None:
    user, session = world.owned.user_id, world.owned.session_id
    for status in ("ready", "running", "failed"):
        dataset = uuid4()
        path = f"{user}/datasets/{dataset}"
        names = {"dataset": f"{path}.npz", "manifest": f"{path}.manifest.json", "scalers": f"{path}.scalers.skops"}
        references: dict[str, Any] = {}
        if status == "failed":
            await nobodys(TRAINING_DATASETS, *names.values())
        else:
            references = {name: await claimed(TRAINING_DATASETS, key) for name, key in names.items()}
        if status == "ready":
            references["violin_load"] = await claimed(TRAINING_RESULTS, f"{session}/plots/violin_load.png")
        await insert(
            database,
            "training_datasets",
            id=dataset,
            session_id=session,
            user_id=user,
            name="d",
            storage_path=names["dataset"],
            configuration={},
            status=status,
            metadata={"references": references} if status == "ready" else {},
        )
    # Plots are stored before the dataset that is being made names them.
    await claimed(TRAINING_RESULTS, f"{session}/plots/violin_new.png")
    await nobodys(TRAINING_DATASETS, f"{user}/datasets/{uuid4()}.npz")


async def _jobs_and_results(database: Database, store: ObjectStore, world: World, claimed: Any, nobodys: Any) -> None:
    owned = world.owned
    user, session = owned.user_id, owned.session_id
    before = await listed(store, BUCKETS)
    run_id = await finished_run(database, store, owned, 1, days_ago=1)
    world.claimed |= await listed(store, BUCKETS) - before
    async with database.transaction() as transaction:
        trained = await transaction.fetch_value("select id from training_jobs where run_id = $1", run_id)
    jobs = {status: uuid4() for status in ("running", "failed", "stopping")}
    for position, (status, job_id) in enumerate(jobs.items(), start=1):
        await insert(
            database,
            "training_jobs",
            id=job_id,
            run_id=run_id,
            session_id=session,
            user_id=user,
            position=position,
            model="Linear",
            target="load",
            parameters={},
            status="cancelled" if status == "stopping" else status,
            lease_until=None if status == "failed" else await in_a_day(database),
        )
    models = f"models/{session}"
    await claimed(ML_ARTIFACTS, f"{models}/{jobs['running']}/checkpoints/1/3.npz")
    await claimed(ML_ARTIFACTS, f"{models}/{jobs['stopping']}/1/model.keras")
    await nobodys(ML_ARTIFACTS, f"{models}/{jobs['failed']}/1/model.keras", f"{models}/{trained}/2/model.skops")
    await nobodys(ML_ARTIFACTS, f"{models}/{uuid4()}/1/model.keras", f"models/{uuid4()}/{trained}/1/model.skops")

    filing = uuid4()
    stamp = "20240102_000000"
    path = f"{session}/training_results_{stamp}.json.gz"
    await insert(database, "training_results", session_id=session, user_id=user, job_id=filing, results_file_path=path)
    for name in (path, f"{session}/model_{stamp}.keras", f"{session}/plots/{filing}/loss_curve.png"):
        await claimed(TRAINING_RESULTS, name)
    await nobodys(
        TRAINING_RESULTS,
        f"{session}/training_results_20230101_000000.json.gz",
        f"{session}/model_20230101_000000.keras",
        f"{session}/plots/{trained}/of_old.png",
        f"{uuid4()}/training_results_{stamp}.json.gz",
    )


async def in_a_day(database: Database) -> Any:
    """Tomorrow, by the database's clock."""
    async with database.transaction() as transaction:
        return await transaction.fetch_value("select now() + interval '1 day'")
