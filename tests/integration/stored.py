"""Rows with their objects as the services leave them, for tests of what is removed; and stores that fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from shared.database.pool import Database
from shared.storage.errors import StoreUnavailable
from shared.storage.keys import ML_ARTIFACTS, TRAINING_RESULTS
from shared.storage.local import LocalStore
from shared.storage.port import ObjectStore
from tests.integration.conftest import Owned

Key = tuple[str, str]
"""Bucket and key."""


async def put(store: ObjectStore, bucket: str, key: str, data: bytes = b"x") -> dict[str, Any]:
    """An object; its reference, as rows have it."""
    return (await store.put(bucket, key, data)).reference.model_dump(mode="json")


async def listed(store: ObjectStore, buckets: Iterable[str]) -> set[Key]:
    """Everything that is in these buckets."""
    return {(bucket, found.key) for bucket in buckets for found in [entry async for entry in store.list(bucket)]}


async def insert(database: Database, table: str, **values: Any) -> UUID | None:
    """One row; its id, where the table has one of that name."""
    names = list(values)
    has_id = table not in ("uploads", "served_models")
    async with database.transaction() as transaction:
        made: UUID | None = await transaction.fetch_value(
            f"""insert into public.{table} ({", ".join(names)})
                values ({", ".join(f"${n}" for n in range(1, len(names) + 1))}) {"returning id" if has_id else ""}""",
            *values.values(),
        )
    return made


async def insert_file(database: Database, owned: Owned, raw: dict[str, Any], **values: Any) -> None:
    """A session's file, stored at that reference; ``canonical`` and what else its row says besides."""
    await insert(
        database,
        "training_files",
        session_id=owned.session_id,
        user_id=owned.user_id,
        file_name="a.csv",
        file_type="input",
        file_size=1,
        storage_path=raw["key"],
        sha256=raw["sha256"],
        raw=raw,
        analysis={},
        **values,
    )


async def finished_run(
    database: Database,
    store: ObjectStore,
    owned: Owned,
    number: int,
    *,
    days_ago: float,
    status: str = "completed",
    models: int = 1,
) -> UUID:
    """A run that ended so long ago; if it completed with results, plots and models of a hundred bytes each."""
    run_id = uuid4()
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_runs (id, session_id, user_id, dataset_id, number, status, created_at, ended_at)
               values ($1, $2, $3, gen_random_uuid(), $4, $5, now() - make_interval(secs => $6::float8 * 86400),
                   now() - make_interval(secs => $6 * 86400))""",
            run_id,
            owned.session_id,
            owned.user_id,
            number,
            status,
            days_ago,
        )
    for position in range(models):
        job_id = uuid4()
        common = {"session_id": owned.session_id, "user_id": owned.user_id, "run_id": run_id}
        job = {"position": position, "model": "Linear", "target": "load", "parameters": {}}
        if status != "completed":
            await insert(database, "training_jobs", id=job_id, **common, **job, status="failed")
            continue
        model = await put(store, ML_ARTIFACTS, f"models/{owned.session_id}/{job_id}/1/model.skops", b"m" * 100)
        await insert(
            database, "training_jobs", id=job_id, **common, **job, status="trained", artifacts={"model": model}
        )
        stamp = f"20240101_{number:04d}{position:02d}"
        path = f"{owned.session_id}/training_results_{stamp}.json.gz"
        plot = await put(store, TRAINING_RESULTS, f"{owned.session_id}/plots/{job_id}/loss_curve.png", b"p" * 100)
        artifacts = {
            "document": await put(store, TRAINING_RESULTS, path, b"d" * 100),
            "model": await put(store, TRAINING_RESULTS, f"{owned.session_id}/model_{stamp}.skops", b"m" * 100),
            "loss_curve": plot,
        }
        await insert(
            database,
            "training_results",
            **common,
            job_id=job_id,
            status="completed",
            results_file_path=path,
            artifacts={**artifacts, "trained": model},
        )
        await insert(
            database,
            "training_visualizations",
            session_id=owned.session_id,
            user_id=owned.user_id,
            job_id=job_id,
            plot_name="loss_curve",
            plot_type="loss_curve",
            storage_path=plot["key"],
        )
    return run_id


class FailingStore(LocalStore):
    """A folder whose server goes away in the middle of deletions, after so many objects, until ``back``."""

    good_for: int | None = None

    async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        """As the real one, one by one."""
        for key in keys:
            if self.good_for == 0:
                raise StoreUnavailable("It is away.")
            await super().delete_many(bucket, [key])
            if self.good_for is not None:
                self.good_for -= 1

    def goes_after(self, objects: int) -> None:
        """So many more objects are deleted, and then nothing."""
        self.good_for = objects

    def back(self) -> None:
        """Everything works again."""
        self.good_for = None
