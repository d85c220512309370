"""One-shot forecast jobs: when their session's training is completed, what follows the end of the data is forecast.

The API does it, for it forecasts anyway, and any of its replicas may: what is stored lies under the job's own keys, so
whoever takes the message up after a crash overwrites what the other one left.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from services.trainer.forecasting.outputs import OUTPUTS
from services.trainer.serving.chosen import ChosenModel, choose_models
from services.trainer.serving.forecasts import Files, Forecasting, files_of
from shared.bus.topology import Subscription
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.delivery.inbox import first_time, handled, read
from shared.events.envelope import Envelope
from shared.events.payloads import ForecastCompleted, ForecastFailed, Reference, TrainingCompleted
from shared.jobs.patience import patiently
from shared.problems import Problem, ProblemError, problem_of
from shared.runtime.service import Service
from shared.storage.keys import FORECAST_UPLOADS
from shared.storage.transfer import put_file
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

SUBSCRIPTION = Subscription("trainer", "training.completed", "event")
_JOB = """
select job.id, job.user_id, job.input_file_path from public.forecast_jobs job
    join public.training_sessions session on session.session_id = job.session_id and session.status <> 'deleting'
where job.session_id = $1 and not job.removing
"""
_STILL_WANTED = """
select true from public.training_sessions session
where session.session_id = $1 and session.status <> 'deleting' and $2 = (
    select run.id from public.training_runs run where run.session_id = $1 order by run.number desc limit 1)
for share of session
"""


class ForecastJobs:
    """The handler of ``training.completed``."""

    def __init__(self, service: Service, forecasting: Forecasting) -> None:
        self._service = service
        self._forecasting = forecasting

    async def handle(self, envelope: Envelope) -> None:
        """Forecast, store, say so; a redelivery finds it done, and another session's training is nothing to us."""
        event = read(envelope, TrainingCompleted)
        async with self._service.database.transaction() as transaction:
            if await handled(transaction, SUBSCRIPTION.queue, envelope):
                return
            job = await transaction.fetch_row(_JOB, event.session_id)
        if job is None or not event.best_model:
            return
        try:
            stored = await patiently("to forecast what follows", lambda: self._make(job, event))
        except ProblemError as error:
            await self._fail(envelope, event, job, problem_of(error, current_trace_id()))
            return
        await self._complete(envelope, event, job, stored)

    async def give_up(self, envelope: Envelope, error: BaseException) -> None:
        """The message became a dead letter: the job fails, its models are kept."""
        event = read(envelope, TrainingCompleted)
        async with self._service.database.transaction() as transaction:
            job = await transaction.fetch_row(_JOB, event.session_id)
        if job is not None:
            await self._fail(envelope, event, job, problem_of(error, current_trace_id()))

    async def _make(self, job: Record, event: TrainingCompleted) -> dict[str, Reference]:
        async with self._service.database.transaction() as transaction:
            models = await choose_models(transaction, event.session_id, job_id=None, run_id=event.run_id, target=None)
            files = await files_of(transaction, event.session_id)
            canonical = await transaction.fetch(
                "select id, canonical from public.training_files where session_id = $1", event.session_id
            )
        with tempfile.TemporaryDirectory(prefix="foretide-job-") as temporary:
            folder = Path(temporary)
            rows = {f"{row['id']}.parquet": Reference.model_validate(row["canonical"]) for row in canonical}
            await self._forecasting.cache.lend(rows, folder)
            return await self._forecast(job, event, models, files, folder)

    async def _forecast(
        self, job: Record, event: TrainingCompleted, models: list[ChosenModel], files: Files, folder: Path
    ) -> dict[str, Reference]:
        outputs = folder / "outputs"
        outputs.mkdir()
        about = {"job_id": str(job["id"]), "session_id": event.session_id, "run_id": str(event.run_id)}
        await self._forecasting.follow(models, files, folder, {"folder": str(outputs), **about})
        found = {}
        for name, key in _keys(job).items():
            stored = await put_file(
                self._service.store, FORECAST_UPLOADS, key, outputs / name, content_type=OUTPUTS[name]
            )
            found[name] = stored.reference
        return found

    async def _complete(
        self, envelope: Envelope, event: TrainingCompleted, job: Record, stored: dict[str, Reference]
    ) -> None:
        best = event.best_model or {}
        completed = ForecastCompleted(
            session_id=event.session_id,
            forecast_job_id=job["id"],
            run_id=event.run_id,
            model=best["model"],
            metrics=best["targets"],
            outputs=stored,
        )
        async with self._service.database.transaction() as transaction:
            if await self._record(transaction, envelope, event, job, completed):
                return
            wanted = await transaction.fetch_value(_JOB, event.session_id)
        if wanted is None:
            # Deleted meanwhile: whoever removed its folder may have done so before this was put there.
            await self._service.store.delete_many(FORECAST_UPLOADS, _keys(job).values())

    async def _fail(self, envelope: Envelope, event: TrainingCompleted, job: Record, problem: Problem) -> None:
        failed = ForecastFailed(
            session_id=event.session_id, forecast_job_id=job["id"], run_id=event.run_id, problem=problem
        )
        log.warning("nothing could be forecast", job_id=str(job["id"]), problem=problem.detail)
        async with self._service.database.transaction() as transaction:
            await self._record(transaction, envelope, event, job, failed)

    async def _record(
        self,
        transaction: Transaction,
        envelope: Envelope,
        event: TrainingCompleted,
        job: Record,
        payload: ForecastCompleted | ForecastFailed,
    ) -> bool:
        """False where the session is gone, or trains anew and will be forecast from when that is over."""
        if not await transaction.fetch_value(_STILL_WANTED, event.session_id, event.run_id):
            return False
        if await first_time(transaction, SUBSCRIPTION.queue, envelope):
            user_id: UUID = job["user_id"]
            await outbox.record(transaction, payload, source="trainer", session_id=event.session_id, user_id=user_id)
        return True


def _keys(job: Record) -> dict[str, Any]:
    """Beside the file that the job began with."""
    folder = str(job["input_file_path"]).rpartition("/")[0]
    return {name: f"{folder}/{name}" for name in OUTPUTS}
