"""The dataset service: wiring only."""

from __future__ import annotations

from fastapi import FastAPI

from services.dataset import api
from services.dataset.generation import command_for, fail_dataset
from services.dataset.smaller import fewer_windows
from services.dataset.worker import DatasetGeneration, on_session_deleted, remove_dataset_objects
from shared.bus.topology import Subscription
from shared.delivery.inbox import patient, read
from shared.events.envelope import Envelope
from shared.events.payloads import SessionDeleted
from shared.jobs.reaper import reap
from shared.jobs.remains import remove_remains
from shared.jobs.worker import Worker
from shared.runtime.service import Service
from shared.settings import Settings


def create_api(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve dataset-api``; it also looks after lost workers."""
    service = Service("dataset", settings)

    async def remove(envelope: Envelope) -> None:
        # Removing twice is the same as once, so this needs no inbox.
        await on_session_deleted(service.database, service.store, read(envelope, SessionDeleted).session_id)

    service.bus.subscribe(Subscription("dataset", "session.deleted", "event"), patient(remove))
    service.every(
        settings.sweep_seconds,
        "reap",
        lambda: reap(
            service.database,
            "training_datasets",
            service="dataset",
            attempts=settings.job_attempts,
            command=command_for,
            fail=fail_dataset,
            advice=fewer_windows,
        ),
    )
    service.every(
        settings.sweep_seconds,
        "remains of datasets",
        lambda: remove_remains(
            service.database, "training_datasets", lambda row: remove_dataset_objects(service.store, row)
        ),
    )
    return service.application("dataset", [api.router])


def create_worker(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve dataset-worker``: health checks beside the consumer."""
    service = Service("dataset-worker", settings)
    worker = Worker(
        service.database,
        service.bus,
        DatasetGeneration(service).kind(),
        service="dataset",
        slots=settings.worker_slots,
        lease_seconds=settings.lease_seconds,
    )
    service.stop_first(worker)
    application = service.application("dataset worker")
    application.state.worker = worker
    return application
