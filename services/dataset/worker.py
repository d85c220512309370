"""Carries out ``dataset.generate``: files in, windows and plots out, one event at the end."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from services.dataset.generation import command_for, fail_dataset
from services.dataset.reuse import Made, find_twin, give_up_shares, may_share, put_plot
from services.dataset.smaller import smaller_dataset
from services.dataset.telling import part_told, telling_of
from shared.bus.topology import Subscription
from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import DatasetGenerate, DatasetsGenerated, Reference
from shared.jobs import lease
from shared.jobs.patience import patiently
from shared.jobs.worker import ClaimLost, Job, JobKind
from shared.problems import Problem
from shared.runtime.service import Service
from shared.runtime.telling import Telling
from shared.series.configuration import parse_configuration
from shared.series.fingerprint import fingerprint
from shared.sessions.rows import move
from shared.sessions.state import SessionStatus
from shared.shares import TellShare, part_of
from shared.storage.keys import TRAINING_DATASETS, TRAINING_RESULTS
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file

SUBSCRIPTION = Subscription("dataset", "dataset.generate", "command")
Files = dict[str, tuple[str, Reference]]
"""A session's files by id: what they are called, and their canonical copies."""
_PARTS = (
    ("dataset", "dataset.npz", "application/octet-stream"),
    ("manifest", "manifest.json", "application/json"),
    ("scalers", "scalers.skops", "application/octet-stream"),
)


class DatasetGeneration:
    """How a dataset worker does its kind of job."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._progress = service.progress_sender("dataset")
        self._builds = service.children(
            "services.dataset.build_child", what="Making the datasets", advice=smaller_dataset
        )

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
        """Make one dataset, or find the one that is the same, and commit it under the claim."""
        began = time.monotonic()
        files = await self._files(job)
        configuration = parse_configuration(job.row["configuration"])
        content = fingerprint(configuration, {file_id: file.sha256 for file_id, (_, file) in files.items()})
        with tempfile.TemporaryDirectory(prefix="foretide-dataset-") as folder:
            async with telling_of(job, self._progress) as telling:
                telling.tell("windowing", 0.0)
                made = await find_twin(self._service.database, job.row, content, self._service.store, Path(folder))
                if made is None or not await self._commit(job, made, content, began):
                    made = await self._make(job, files, Path(folder), telling)
                    await self._commit(job, made, content, began)

    async def _make(self, job: Job, files: Files, folder: Path, telling: Telling) -> Made:
        await self._fetch(files, folder, part_told(telling, "fetching"))
        answer = await self._builds.run(
            {
                "configuration": job.row["configuration"],
                "files": [
                    {"id": file_id, "name": name, "path": str(folder / f"{file_id}.parquet"), "sha256": file.sha256}
                    for file_id, (name, file) in files.items()
                ],
                "folder": str(folder),
                "memory_bytes": self._service.settings.dataset_memory_bytes,
            },
            on_progress=lambda message: part_told(telling, message["phase"])(message["fraction"]),
        )
        tell = part_told(telling, "storing")
        references = await patiently("to store a dataset", lambda: self._store(job, folder, part_of(tell, 0.0, 0.9)))
        for plot in answer["plots"]:
            references[plot] = await put_plot(self._service.store, job.row, plot, folder / f"{plot}.png")
        tell(1.0)
        return Made(job.row["storage_path"], answer["manifest"], references, answer["plots"])

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

    async def _files(self, job: Job) -> Files:
        async with self._service.database.transaction() as transaction:
            rows = await transaction.fetch(
                "select * from public.training_files where session_id = $1 order by file_name, id",
                job.row["session_id"],
            )
        return {str(row["id"]): (row["file_name"], Reference.model_validate(row["canonical"])) for row in rows}

    async def _fetch(self, files: Files, folder: Path, tell: TellShare) -> None:
        for number, (file_id, (_, file)) in enumerate(files.items(), 1):
            path = folder / f"{file_id}.parquet"
            await patiently(
                "for an uploaded file",
                lambda f=file, p=path: get_file(  # type: ignore[misc]
                    self._service.store, f.bucket, f.key, p, expected_sha256=f.sha256
                ),
            )
            tell(number / len(files))

    async def _store(self, job: Job, folder: Path, tell: TellShare) -> dict[str, Reference]:
        references: dict[str, Reference] = {}
        for (name, file, content_type), key in zip(_PARTS, dataset_keys(job.row), strict=True):
            stored = await put_file(
                self._service.store, TRAINING_DATASETS, key, folder / file, content_type=content_type
            )
            references[name] = stored.reference
            tell(len(references) / len(_PARTS))
        return references

    async def _commit(self, job: Job, made: Made, content: str, began: float) -> bool:
        """Record the dataset and say so; False where the one that was to be shared is gone."""
        return await patiently("to record a dataset", lambda: self._commit_once(job, made, content, began))

    async def _commit_once(self, job: Job, made: Made, content: str, began: float) -> bool:
        async with self._service.database.transaction() as transaction:
            if made.twin is not None and not await may_share(transaction, made.twin):
                return False
            if not await lease.finish(transaction, job.claim, "ready"):
                raise ClaimLost
            await transaction.execute(
                """update public.training_datasets set file_size_bytes = $2, total_examples = $3, storage_path = $4,
                   fingerprint = $5, metadata = (metadata - 'eta_seconds') || $6::jsonb where id = $1""",
                job.claim.job_id,
                made.references["dataset"].bytes,
                made.manifest["windows"],
                made.storage_path,
                content,
                {
                    "storage_provider": self._service.settings.store_url.partition(":")[0],
                    "manifest": made.manifest,
                    "plots": made.plots,
                    "references": {name: entry.model_dump(mode="json") for name, entry in made.references.items()},
                },
            )
            await _record_plots(transaction, job.row, made)
            await move(transaction, job.row["session_id"], SessionStatus.GENERATED)
            await outbox.record(
                transaction,
                _generated(job.row, made, time.monotonic() - began),
                source="dataset",
                session_id=job.row["session_id"],
                user_id=job.row["user_id"],
            )
        return True


async def on_session_deleted(database: Database, store: ObjectStore, session_id: str) -> None:
    """Remove a deleted session's datasets: objects first, then rows."""
    async with database.transaction() as transaction:
        if await lease.somebody_still_writes(transaction, "training_datasets", session_id):
            raise lease.StillRunning(session_id)
        unshared = await give_up_shares(transaction, session_id)
    for row in unshared:
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


async def _record_plots(transaction: Transaction, row: Record, made: Made) -> None:
    for plot in made.plots:
        await transaction.execute(
            """insert into public.training_visualizations
                   (session_id, user_id, plot_name, plot_type, storage_path, metadata)
               values ($1, $2, $3, 'violin', $4, $5)
               on conflict (session_id, job_id, plot_name) do update
                   set storage_path = excluded.storage_path, metadata = excluded.metadata, created_at = now()""",
            row["session_id"],
            row["user_id"],
            plot,
            made.references[plot].key,
            made.references[plot].model_dump(mode="json"),
        )


def _generated(row: Record, made: Made, seconds: float) -> DatasetsGenerated:
    manifest = made.manifest
    return DatasetsGenerated(
        session_id=row["session_id"],
        dataset_id=row["id"],
        dataset_count=1,
        windows=manifest["windows"],
        **manifest["split"],
        dropped=sum(entry["windows"] for entry in manifest["dropped"]),
        input_features=manifest["input_features"],
        target_features=manifest["target_features"],
        dataset=made.references["dataset"],
        manifest=made.references["manifest"],
        violin_plots=[made.references[plot] for plot in made.plots],
        duration_seconds=seconds,
        run_after=row["run_after"],
    )
