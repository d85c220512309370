"""The trainer: wiring only."""

from __future__ import annotations

import os

from fastapi import FastAPI

from services.trainer import api
from services.trainer.handlers import (
    on_datasets_generated,
    on_session_deleted,
    on_training_cancel,
    on_training_start,
)
from services.trainer.memory import smaller_job
from services.trainer.outcomes import command_for
from services.trainer.overdue import end_overdue
from services.trainer.remains import ENDED, remove_remains_of_job
from services.trainer.runner import CHILD, PRELOADED, ChildRunner
from services.trainer.runs import fail_job
from services.trainer.serving import api as serving
from services.trainer.serving.forecasts import Forecasting
from services.trainer.serving.jobs import SUBSCRIPTION as FORECAST
from services.trainer.serving.jobs import ForecastJobs
from services.trainer.worker import ModelTraining
from shared.bus.topology import Subscription
from shared.delivery.inbox import handled_once, patient, read
from shared.events.envelope import Envelope
from shared.events.payloads import DatasetsGenerated, SessionDeleted, TrainingCancel, TrainingStart
from shared.jobs.reaper import reap
from shared.jobs.remains import remove_remains
from shared.jobs.worker import Worker
from shared.runtime.service import Service
from shared.settings import Settings

_FORECAST_AT_ONCE = 2


def create_api(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve trainer-api``; it also looks after lost workers."""
    service = Service("trainer", settings)
    database = service.database
    start = Subscription("trainer", "training.start", "command")
    service.bus.subscribe(start, handled_once(database, start.queue, TrainingStart, on_training_start))
    stop = Subscription("trainer", "training.cancel", "command")
    service.bus.subscribe(stop, handled_once(database, stop.queue, TrainingCancel, on_training_cancel))
    generated = Subscription("trainer", "datasets.generated", "event")
    service.bus.subscribe(generated, handled_once(database, generated.queue, DatasetsGenerated, on_datasets_generated))

    async def remove(envelope: Envelope) -> None:
        # Removing twice is the same as once, so this needs no inbox.
        await on_session_deleted(database, service.store, read(envelope, SessionDeleted).session_id)

    service.bus.subscribe(Subscription("trainer", "session.deleted", "event"), patient(remove))
    service.every(
        settings.sweep_seconds,
        "reap",
        lambda: reap(
            database,
            "training_jobs",
            service="trainer",
            attempts=settings.job_attempts,
            command=command_for,
            fail=fail_job,
            advice=smaller_job,
        ),
    )
    service.every(settings.sweep_seconds, "runs whose time is over", lambda: end_overdue(database))
    service.every(
        settings.sweep_seconds,
        "remains of models",
        lambda: remove_remains(
            database, "training_jobs", lambda job: remove_remains_of_job(database, service.store, job), ended=ENDED
        ),
    )
    forecasting = Forecasting(service)
    jobs = ForecastJobs(service, forecasting)
    service.bus.subscribe(FORECAST, patient(jobs.handle), prefetch=_FORECAST_AT_ONCE, give_up=jobs.give_up)
    application = service.application("trainer", [api.router, serving.router])
    application.state.forecasting = forecasting
    return application


def create_worker(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve trainer-worker``: health checks beside the consumer."""
    service = Service("trainer-worker", settings)
    threads = settings.threads_per_job or max(1, (os.cpu_count() or 1) // settings.worker_slots)
    runner = ChildRunner(PRELOADED if settings.preload_models else CHILD)
    worker = Worker(
        service.database,
        service.bus,
        ModelTraining(service, runner, threads=threads, device=settings.device).kind(),
        service="trainer",
        slots=settings.worker_slots,
        lease_seconds=settings.lease_seconds,
    )
    service.stop_first(worker)
    service.start_last(runner)
    application = service.application("trainer worker")
    application.state.worker = worker
    return application
