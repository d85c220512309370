"""What the tests of forecasts share: a session whose models are trained and stored, and rows to forecast from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from services.trainer.child.job import run_job
from shared.database.pool import Database
from shared.series.series import NANOSECONDS_PER_HOUR, moment_text
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.port import ObjectStore
from shared.storage.transfer import put_file
from tests.integration.conftest import Owned
from tests.integration.training import with_stored_dataset
from tests.synthetic import load_and_temperature

DAYS = 40
MODELS = ({"kind": "Linear"}, {"kind": "Dense", "layers": 1, "units": 8, "epochs": 1, "batch_size": 256})


@dataclass(frozen=True, slots=True)
class TrainedSession:
    """A session with one completed run; ``jobs`` and ``forecasts`` (of the test part) by the model's kind."""

    owned: Owned
    run_id: UUID
    jobs: dict[str, UUID] = field(default_factory=dict)
    arrays: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/api/training/forecast/{self.owned.session_id}"


async def trained_session(database: Database, store: ObjectStore, folder: Path) -> TrainedSession:
    """As workers and the results service leave it; Linear is the run's best model."""
    owned = await with_stored_dataset(database, store, folder, days=DAYS)
    made = TrainedSession(owned, uuid4())
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_runs (id, session_id, user_id, dataset_id, number, status)
               select $1, $2, $3, id, 1, 'completed' from training_datasets where session_id = $2""",
            made.run_id,
            owned.session_id,
            owned.user_id,
        )
    for position, model in enumerate(MODELS):
        await _train(database, store, folder, made, position, model)
    best = {"model": "Linear", "targets": {"load": {"job_id": str(made.jobs["Linear"])}}}
    async with database.transaction() as transaction:
        for job_id in made.jobs.values():
            await transaction.execute(
                """insert into training_results (session_id, user_id, run_id, job_id, status, best_model)
                   values ($1, $2, $3, $4, 'completed', $5)""",
                owned.session_id,
                owned.user_id,
                made.run_id,
                job_id,
                best,
            )
    return made


async def _train(
    database: Database, store: ObjectStore, folder: Path, made: TrainedSession, position: int, model: dict[str, Any]
) -> None:
    kind = str(model["kind"])
    output = folder / kind
    output.mkdir()
    specification = {
        "job_id": kind,
        "dataset_path": str(folder / "dataset.npz"),
        "manifest_path": str(folder / "manifest.json"),
        "output_directory": str(output),
        "model": model,
        "target": "load",
        "threads": 1,
        "device": "auto",
        "checkpoint_path": None,
        "trial": False,
        "search": None,
        "seconds_left": None,
    }
    run_job(specification, lambda _: None)
    with np.load(output / "forecasts.npz", allow_pickle=False) as arrays:
        made.arrays[kind] = dict(arrays)
    job_id = made.jobs[kind] = uuid4()
    references = {}
    for path in output.iterdir():
        stored = await put_file(store, ML_ARTIFACTS, f"models/{made.owned.session_id}/{job_id}/1/{path.name}", path)
        references[path.stem] = stored.reference.model_dump(mode="json")
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_jobs
                   (id, run_id, session_id, user_id, position, model, target, parameters, status, artifacts)
               values ($1, $2, $3, $4, $5, $6, 'load', $7, 'trained', $8)""",
            job_id,
            made.run_id,
            made.owned.session_id,
            made.owned.user_id,
            position,
            kind,
            model,
            references,
        )


def rows_about(reference: int) -> dict[str, Any]:
    """Both series from a day and an hour before the reference time to as long after it, as a caller sends them."""
    load, temperature = load_and_temperature(days=DAYS)
    sent = {}
    for series, last in ((load, 0), (temperature, 25)):
        chosen = (series.times >= reference - 25 * NANOSECONDS_PER_HOUR) & (
            series.times <= reference + last * NANOSECONDS_PER_HOUR
        )
        times = [moment_text(int(time)) for time in series.times[chosen]]
        sent[series.name] = {"times": times, "values": series.values[chosen].tolist()}
    return sent
