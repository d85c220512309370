"""Carries out ``model.train``: a dataset in, one trained and evaluated model out, one event at the end."""

from __future__ import annotations

import asyncio
import mimetypes
import tempfile
from pathlib import Path
from typing import Any

from services.trainer.checkpoints import CheckpointUploads, fetch_checkpoint
from services.trainer.children import Outcome, Specification
from services.trainer.inputs import fetch_dataset
from services.trainer.limits import seconds_left
from services.trainer.outcomes import command_for
from services.trainer.remains import attempt_folder, remove_remains_of_attempt
from services.trainer.runner import ChildRunner
from services.trainer.runs import fail_job
from services.trainer.search.execution import TrialExecution
from services.trainer.search.rows import is_trial, search_behind
from services.trainer.telling import ModelTelling
from shared.bus.topology import Subscription
from shared.database.pool import Transaction
from shared.delivery import outbox
from shared.ending import end_tasks
from shared.events.payloads import ModelTrain, ModelTrained, Reference
from shared.jobs import lease
from shared.jobs.patience import patiently
from shared.jobs.worker import ClaimLost, Job, JobKind
from shared.problems import Problem, ProblemError
from shared.runtime.service import Service
from shared.settings import Device
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.transfer import put_file
from shared.telemetry.logs import logger

log = logger(__name__)

SUBSCRIPTION = Subscription("trainer", "model.train", "command")


class ModelTraining:
    """How a trainer worker does its kind of job; ``runner`` owns the child processes."""

    def __init__(self, service: Service, runner: ChildRunner, *, threads: int, device: Device) -> None:
        self._service = service
        self._runner = runner
        self._threads, self._device = threads, device
        self._progress = service.progress_sender("trainer")
        self._trials = TrialExecution(service, runner, self._progress, threads=threads, device=device)

    def kind(self) -> JobKind:
        """For :class:`shared.jobs.worker.Worker`."""
        return JobKind(
            table="training_jobs",
            subscription=SUBSCRIPTION,
            payload=ModelTrain,
            job_id=lambda command: command.job_id,
            execute=self.execute,
            fail=self.fail,
            command=command_for,
            clean_up=self.clean_up,
        )

    async def execute(self, job: Job) -> None:
        """Train one model, or carry out one trial, and commit it under the claim."""
        if is_trial(job.row):
            await self._trials.execute(job)
            return
        with tempfile.TemporaryDirectory(prefix="foretide-training-") as folder:
            async with ModelTelling(job, self._progress) as telling:
                telling.tell_part("training", 0.0)
                specification = await self._prepare(job, Path(folder))
                outcome = await self._train(job, specification, telling)
                if outcome.problem is not None:
                    raise ProblemError.of(outcome.problem)
                output = Path(specification.output_directory)
                artifacts = await patiently("to store a model", lambda: self._store(job, output, telling))
        await patiently("to record a model", lambda: self._commit(job, outcome.metrics, outcome.summary, artifacts))

    async def _train(self, job: Job, specification: Specification, telling: ModelTelling) -> Outcome:
        """Run it; its checkpoints are stored on the way, and the last one before this is cancelled is, too."""
        service = self._service
        assert specification.checkpoint_path is not None
        uploads = CheckpointUploads(service.database, service.store, job, Path(specification.checkpoint_path))
        uploading = asyncio.create_task(uploads.run())

        def hear(message: dict[str, Any]) -> None:
            match message["type"]:
                case "progress":
                    telling.hear(message)
                case "checkpoint":
                    uploads.note(message["epoch"])
                case "checkpoint refused":
                    log.warning("checkpoint not used", job_id=specification.job_id, reason=message["reason"])

        try:
            return await self._runner.run(specification, hear)
        except asyncio.CancelledError:
            await uploads.catch_up()
            raise
        finally:
            await end_tasks(uploading)

    async def fail(self, job: Job, problem: Problem) -> None:
        """Commit the failure."""
        async with self._service.database.transaction() as transaction:
            await fail_job(transaction, job.claim, job.row, problem)

    async def clean_up(self, job: Job) -> None:
        """Remove what this attempt stored, unless it was committed or another attempt continues from it."""
        if is_trial(job.row):
            # Trials store nothing.
            return
        await remove_remains_of_attempt(self._service.database, self._service.store, job.claim, job.row)

    async def _prepare(self, job: Job, folder: Path) -> Specification:
        """Fetch the dataset, and how far an attempt before this one got; remove what else lost attempts have left."""
        store = self._service.store
        for attempt in range(1, job.claim.attempt):
            await patiently(
                "to remove remains",
                lambda a=attempt: store.delete_prefix(ML_ARTIFACTS, attempt_folder(job.row, a)),  # type: ignore[misc]
            )
        dataset, manifest = await fetch_dataset(self._service, job.row, folder)
        checkpoint = folder / "checkpoint.npz"
        await fetch_checkpoint(store, job, checkpoint)
        output = folder / "output"
        output.mkdir()
        return Specification(
            job_id=str(job.claim.job_id),
            dataset_path=str(dataset),
            manifest_path=str(manifest),
            output_directory=str(output),
            model=job.row["parameters"],
            target=job.row["target"],
            threads=self._threads,
            device=self._device,
            checkpoint_path=str(checkpoint),
            search=await search_behind(self._service.database, job.row),
            seconds_left=await patiently("for a job's time", lambda: seconds_left(self._service.database, job.claim)),
        )

    async def _store(self, job: Job, output: Path, telling: ModelTelling) -> dict[str, Reference]:
        artifacts: dict[str, Reference] = {}
        paths = sorted(output.iterdir())
        for number, path in enumerate(paths, 1):
            content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            info = await put_file(
                self._service.store,
                ML_ARTIFACTS,
                f"{attempt_folder(job.row, job.claim.attempt)}/{path.name}",
                path,
                content_type=content_type,
            )
            artifacts[path.stem] = info.reference
            telling.tell_part("storing", number / len(paths))
        return artifacts

    async def _commit(
        self, job: Job, metrics: dict[str, Any], summary: dict[str, Any], artifacts: dict[str, Reference]
    ) -> None:
        async with self._service.database.transaction() as transaction:
            if not await lease.finish(transaction, job.claim, "trained"):
                raise ClaimLost
            await self._write(transaction, job, metrics, summary, artifacts)

    async def _write(
        self,
        transaction: Transaction,
        job: Job,
        metrics: dict[str, Any],
        summary: dict[str, Any],
        artifacts: dict[str, Reference],
    ) -> None:
        row = job.row
        await transaction.execute(
            "update public.training_jobs set metrics = $2, artifacts = $3, detail = detail || $4::jsonb where id = $1",
            job.claim.job_id,
            metrics,
            {name: reference.model_dump(mode="json") for name, reference in artifacts.items()},
            summary,
        )
        trained = ModelTrained(
            session_id=row["session_id"],
            run_id=row["run_id"],
            job_id=row["id"],
            model=row["model"],
            target=row["target"],
            attempt=job.claim.attempt,
            metrics=metrics,
            duration_seconds=summary["duration_seconds"],
            epochs_requested=summary.get("epochs_requested"),
            epochs_completed=summary.get("epochs_completed"),
            search=summary.get("search"),
            artifacts=artifacts,
        )
        await outbox.record(
            transaction, trained, source="trainer", session_id=row["session_id"], user_id=row["user_id"]
        )
