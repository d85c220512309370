"""Carries out ``dataset.generate``: files in, windows and plots out, one event at the end."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from services.dataset.generation import command_for, fail_dataset
from shared.bus.topology import Subscription
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import DatasetGenerate, DatasetsGenerated, Progress, Reference
from shared.jobs import lease
from shared.jobs.patience import patiently
from shared.jobs.worker import ClaimLost, Job, JobKind
from shared.problems import Problem
from shared.runtime.child import run_in_child
from shared.runtime.progress import ProgressSender
from shared.runtime.service import Service
from shared.sessions.rows import move
from shared.sessions.state import SessionStatus
from shared.storage.keys import TRAINING_DATASETS, TRAINING_RESULTS
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file

SUBSCRIPTION = Subscription("dataset", "dataset.generate", "command")


class DatasetGeneration:
    """How a dataset worker does its kind of job."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._progress = ProgressSender(service.bus, source="dataset")

    def kind(self) -> JobKind:
        """For :class:`shared.jobs.worker.Worker`."""
        return JobKind(
            table="training_datasets",
            subscription=SUBSCRIPTION,
            payload=DatasetGenerate,
            job_id=lambda command: command.dataset_id,
            execute=self.execute,
            fail=self.fail,
            command=command_for,
            clean_up=self.clean_up,
        )

    async def execute(self, job: Job) -> None:
        """Make one dataset and commit it under the claim."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="foretide-dataset-") as folder:
            files = await self._fetch_files(job, Path(folder))
            answer = await run_in_child(
                "services.dataset.build_child",
                {"configuration": job.row["configuration"], "files": files, "folder": folder},
                what="Making the datasets",
                on_progress=lambda progress: self._report(job, progress),
            )
            self._report(job, {"progress": 90.0, "message": "storing"})
            stored = await patiently("to store a dataset", lambda: self._store(job, Path(folder), answer))
        event = _generated(job.row, answer, stored, time.monotonic() - began)
        await patiently("to record a dataset", lambda: self._commit(job, answer, stored, event))

    async def fail(self, job: Job, problem: Problem) -> None:
        """Commit the failure."""
        async with self._service.database.transaction() as transaction:
            await fail_dataset(transaction, job.claim, job.row, problem)

    async def clean_up(self, job: Job) -> None:
        """Remove what was stored for a dataset that will not be: one that is cancelled, failed or deleted."""
        async with self._service.database.transaction() as transaction:
            status = await transaction.fetch_value(
                "select status from public.training_datasets where id = $1", job.claim.job_id
            )
            wanted = await transaction.fetch_value(
                "select true from public.training_sessions where session_id = $1 and status <> 'deleting'",
                job.row["session_id"],
            )
        if status in (None, "cancelled", "failed"):
            await remove_dataset_objects(self._service.store, job.row)
        if not wanted:
            await self._service.store.delete_prefix(TRAINING_RESULTS, f"{job.row['session_id']}/plots/")

    def _report(self, job: Job, progress: dict[str, Any]) -> None:
        job.report(progress["progress"])
        self._progress.send(
            job.row["session_id"],
            job.row["user_id"],
            Progress(session_id=job.row["session_id"], phase="datasets", **progress),
        )

    async def _fetch_files(self, job: Job, folder: Path) -> list[dict[str, str]]:
        async with self._service.database.transaction() as transaction:
            rows = await transaction.fetch(
                "select * from public.training_files where session_id = $1 order by file_name, id",
                job.row["session_id"],
            )
        files = []
        for row in rows:
            path = folder / f"{row['id']}.parquet"
            canonical = Reference.model_validate(row["canonical"])
            await patiently(
                "for an uploaded file",
                lambda c=canonical, p=path: get_file(  # type: ignore[misc]
                    self._service.store, c.bucket, c.key, p, expected_sha256=c.sha256
                ),
            )
            files.append(
                {
                    "id": str(row["id"]),
                    "name": row["file_name"],
                    "path": str(path),
                    "sha256": canonical.sha256,
                }
            )
        return files

    async def _store(self, job: Job, folder: Path, answer: dict[str, Any]) -> dict[str, Reference]:
        store = self._service.store
        array_key, manifest_key, scalers_key = dataset_keys(job.row)
        stored = {
            "dataset": await _put(
                store, TRAINING_DATASETS, array_key, folder / "dataset.npz", "application/octet-stream"
            ),
            "manifest": await _put(
                store, TRAINING_DATASETS, manifest_key, folder / "manifest.json", "application/json"
            ),
            "scalers": await _put(
                store, TRAINING_DATASETS, scalers_key, folder / "scalers.skops", "application/octet-stream"
            ),
        }
        for plot in answer["plots"]:
            plot_key = f"{job.row['session_id']}/plots/{plot}.png"
            stored[plot] = await _put(store, TRAINING_RESULTS, plot_key, folder / f"{plot}.png", "image/png")
        return stored

    async def _commit(
        self, job: Job, answer: dict[str, Any], stored: dict[str, Reference], event: DatasetsGenerated
    ) -> None:
        async with self._service.database.transaction() as transaction:
            if not await lease.finish(transaction, job.claim, "ready"):
                raise ClaimLost
            await transaction.execute(
                """update public.training_datasets set file_size_bytes = $2, total_examples = $3,
                   metadata = metadata || $4::jsonb where id = $1""",
                job.claim.job_id,
                stored["dataset"].bytes,
                answer["windows"],
                {
                    "storage_provider": self._service.settings.store_url.partition(":")[0],
                    "manifest": answer["manifest"],
                    "references": {name: entry.model_dump(mode="json") for name, entry in stored.items()},
                },
            )
            await _record_plots(transaction, job.row, answer["plots"], stored)
            await move(transaction, job.row["session_id"], SessionStatus.GENERATED)
            await outbox.record(
                transaction,
                event,
                source="dataset",
                session_id=job.row["session_id"],
                user_id=job.row["user_id"],
            )


async def on_session_deleted(database: Database, store: ObjectStore, session_id: str) -> None:
    """Remove a deleted session's datasets: objects first, then rows."""
    async with database.transaction() as transaction:
        if await lease.somebody_still_writes(transaction, "training_datasets", session_id):
            raise lease.StillRunning(session_id)
        rows = await transaction.fetch("select * from public.training_datasets where session_id = $1", session_id)
    for row in rows:
        await remove_dataset_objects(store, row)
    async with database.transaction() as transaction:
        await transaction.execute("delete from public.training_datasets where session_id = $1", session_id)


async def remove_dataset_objects(store: ObjectStore, row: Record) -> None:
    """What this dataset has in the store but its plots, which go with the session's results."""
    await store.delete_many(TRAINING_DATASETS, dataset_keys(row))


def dataset_keys(row: Record) -> list[str]:
    """The keys of the array file, the manifest and the scalers, as the row reserves them."""
    key = str(row["storage_path"])
    return [key, *(key.removesuffix(".npz") + suffix for suffix in (".manifest.json", ".scalers.skops"))]


async def _put(store: ObjectStore, bucket: str, key: str, path: Path, content_type: str) -> Reference:
    info = await put_file(store, bucket, key, path, content_type=content_type)
    return Reference(bucket=bucket, key=key, sha256=info.sha256, bytes=info.size)


async def _record_plots(transaction: Transaction, row: Record, plots: list[str], stored: dict[str, Reference]) -> None:
    for plot in plots:
        await transaction.execute(
            """insert into public.training_visualizations
                   (session_id, user_id, plot_name, plot_type, storage_path, metadata)
               values ($1, $2, $3, 'violin', $4, $5)
               on conflict (session_id, job_id, plot_name) do update
                   set storage_path = excluded.storage_path, metadata = excluded.metadata, created_at = now()""",
            row["session_id"],
            row["user_id"],
            plot,
            stored[plot].key,
            stored[plot].model_dump(mode="json"),
        )


def _generated(row: Record, answer: dict[str, Any], stored: dict[str, Reference], seconds: float) -> DatasetsGenerated:
    return DatasetsGenerated(
        session_id=row["session_id"],
        dataset_id=row["id"],
        dataset_count=1,
        windows=answer["windows"],
        train=answer["train"],
        validation=answer["validation"],
        test=answer["test"],
        dropped=answer["dropped"],
        input_features=answer["input_features"],
        target_features=answer["target_features"],
        dataset=stored["dataset"],
        manifest=stored["manifest"],
        violin_plots=[stored[plot] for plot in answer["plots"]],
        duration_seconds=seconds,
        run_after=row["run_after"],
    )
