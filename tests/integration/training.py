"""What the tests of real trainings share: a small dataset in the store, and what a job and its objects look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from shared.database.pool import Database, Record
from shared.series.artifact import write_dataset
from shared.series.configuration import parse_configuration
from shared.series.dataset import build_dataset
from shared.series.manifest import make_manifest
from shared.storage.keys import ML_ARTIFACTS, TRAINING_DATASETS
from shared.storage.port import ObjectStore
from shared.storage.transfer import put_file
from tests.integration.conftest import Owned, make_session
from tests.synthetic import load_and_temperature, load_configuration
from tests.waiting import until


async def with_stored_dataset(database: Database, store: ObjectStore, folder: Path, *, days: int = 40) -> Owned:
    """A session whose dataset of synthetic load is ready and in the store."""
    load, temperature = load_and_temperature(days=days)
    configuration = parse_configuration(load_configuration())
    series = {"load": load, "temperature": temperature}
    dataset = build_dataset(configuration, {n: series[entry.file] for n, entry in enumerate(configuration.series)})
    sha256 = write_dataset(folder / "dataset.npz", dataset)
    manifest = make_manifest(configuration, dataset, dict.fromkeys(series, "0" * 64), sha256)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    owned = await make_session(database, status="generated")
    references = {}
    for name, path in (("dataset", folder / "dataset.npz"), ("manifest", folder / "manifest.json")):
        stored = await put_file(store, TRAINING_DATASETS, f"{owned.session_id}/{path.name}", path)
        references[name] = stored.reference.model_dump(mode="json")
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_datasets (session_id, user_id, name, storage_path, configuration, status, metadata)
               values ($1, $2, 'd', 'x.npz', $3, 'ready', $4)""",
            owned.session_id,
            owned.user_id,
            configuration.model_dump(mode="json"),
            {"manifest": orjson.loads(orjson.dumps(manifest)), "references": references},
        )
    return owned


async def only_job(database: Database, owned: Owned) -> Record:
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(
            "select * from training_jobs where session_id = $1 and search_of is null", owned.session_id
        )
    assert row is not None
    return row


async def trials_of(database: Database, owned: Owned) -> list[Record]:
    """Those of its search, in their order."""
    async with database.transaction() as transaction:
        return await transaction.fetch(
            "select * from training_jobs where session_id = $1 and search_of is not null order by trial",
            owned.session_id,
        )


def checkpoint_epoch(job: Record) -> int:
    """That of the newest checkpoint, 0 where there is none."""
    return int(Path(job["checkpoint"]["key"]).stem) if job["checkpoint"] else 0


async def reached(database: Database, owned: Owned, epoch: int) -> Record:
    """The job as soon as its checkpoint of this epoch, or a later one, is stored."""

    async def so_far() -> Record | None:
        job = await only_job(database, owned)
        assert job["status"] in ("queued", "running"), f"it ended too early: {job['status']}, {job['error']}"
        return job if checkpoint_epoch(job) >= epoch else None

    found: Record = await until(so_far, seconds=90, what=f"the checkpoint of epoch {epoch}")
    return found


async def ended(database: Database, owned: Owned, *, status: str = "trained") -> Record:
    """The job once it has ended so."""

    async def over() -> Record | None:
        job = await only_job(database, owned)
        assert job["status"] in ("queued", "running", status), job["error"]
        return job if job["status"] == status else None

    found: Record = await until(over, seconds=120, what=f"the job {status}")
    return found


async def objects_of(store: ObjectStore, owned: Owned) -> set[str]:
    """Keys of all that the session has among the models."""
    return {found.key async for found in store.list(ML_ARTIFACTS, f"models/{owned.session_id}")}


async def artifact(store: ObjectStore, job: Record, name: str) -> Any:
    """A JSON artifact's content."""
    reference = job["artifacts"][name]
    return orjson.loads(b"".join([block async for block in store.get(reference["bucket"], reference["key"])]))


async def progress_of(database: Database, job_id: UUID) -> float:
    async with database.transaction() as transaction:
        return float(await transaction.fetch_value("select progress from training_jobs where id = $1", job_id))
