"""Carries out one trial of a search, wherever there is a worker: a set of parameters in, a validation loss out."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from services.trainer.children import Outcome, Specification
from services.trainer.inputs import fetch_dataset
from services.trainer.limits import RunIsOver, seconds_left
from services.trainer.runner import ChildRunner
from services.trainer.search.ending import Ended, end_trial
from services.trainer.search.observation import Observation, Verdict
from services.trainer.search.starting import Begun, begin_trial
from shared.ending import end_tasks
from shared.jobs.patience import patiently
from shared.jobs.worker import ClaimLost, Job
from shared.problems import ProblemError
from shared.runtime.progress import ProgressSender
from shared.runtime.service import Service
from shared.settings import Device


class TrialExecution:
    """How a trainer worker does trials."""

    def __init__(
        self, service: Service, runner: ChildRunner, progress: ProgressSender, *, threads: int, device: Device
    ) -> None:
        self._service = service
        self._runner = runner
        self._progress = progress
        self._threads, self._device = threads, device

    async def execute(self, job: Job) -> None:
        """Train one model and commit its validation loss under the claim; of a failure the caller is told."""
        begun = await patiently("to begin a trial", lambda: begin_trial(self._service.database, job))
        try:
            ended = Ended("cancelled") if begun is None else await self._try(job, begun)
        except RunIsOver:
            # While its data were fetched: no trial has failed.
            ended = Ended("cancelled")
        await patiently("to record a trial", lambda: self._commit(job, ended))

    async def _try(self, job: Job, begun: Begun) -> Ended:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="foretide-trial-") as temporary:
            folder = Path(temporary)
            dataset, manifest = await fetch_dataset(self._service, job.row, folder)
            specification = Specification(
                job_id=str(job.claim.job_id),
                dataset_path=str(dataset),
                manifest_path=str(manifest),
                output_directory=str(folder),
                model=begun.model,
                target=job.row["target"],
                threads=self._threads,
                device=self._device,
                trial=True,
                seconds_left=await patiently(
                    "for a trial's time", lambda: seconds_left(self._service.database, job.claim)
                ),
            )
            observation = Observation(self._service.database, self._progress, job, begun)
            outcome = await self._train(specification, observation)
        seconds = round(time.monotonic() - began, 3)
        if outcome is None:
            # Without an epoch nothing is known of it: as if it had not begun.
            return Ended("pruned" if observation.curve else "cancelled", curve=observation.curve, seconds=seconds)
        if outcome.problem is not None:
            raise ProblemError.of(outcome.problem)
        return Ended("trained", outcome.metrics["val_loss"], observation.curve, seconds)

    async def _train(self, specification: Specification, observation: Observation) -> Outcome | None:
        """None where it was stopped on the way."""
        run = asyncio.create_task(self._runner.run(specification, observation.hear))
        watch = asyncio.create_task(observation.watch())
        verdict: Verdict = observation.verdict
        try:
            awaited: list[asyncio.Future[Any]] = [run, watch, verdict]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                await watch
            # What was said first counts, also where the child has come to its end since.
            return None if verdict.done() else await run
        finally:
            # The run once only: it is waiting for its child to end.
            run.cancel()
            await end_tasks(watch)
            await asyncio.gather(run, return_exceptions=True)

    async def _commit(self, job: Job, ended: Ended) -> None:
        async with self._service.database.transaction() as transaction:
            if not await end_trial(transaction, job.claim, job.row, ended):
                raise ClaimLost
