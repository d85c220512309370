"""The upload service: wiring only."""

from __future__ import annotations

from fastapi import FastAPI

from services.upload import api_analysis, api_sessions, api_uploads, deletion, housekeeping
from services.upload.forecast import api as api_forecasts
from services.upload.forecast.receiving import expire_jobs
from services.upload.handlers import on_session_delete
from services.upload.reading import FileReader
from services.upload.tus import api as api_tus
from services.upload.tus.protocol import TusProtocol
from shared.bus.topology import Subscription
from shared.delivery.inbox import handled_once
from shared.events.payloads import SessionDelete
from shared.runtime.service import Service
from shared.settings import Settings

_HOUR = 3600.0


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve upload``."""
    service = Service("upload", settings)
    reader = FileReader(service)
    subscription = Subscription("upload", "session.delete", "command")
    service.bus.subscribe(
        subscription, handled_once(service.database, subscription.queue, SessionDelete, on_session_delete)
    )
    sweep = settings.sweep_seconds
    service.every(sweep, "expire", lambda: housekeeping.expire_uploads(service.database, service.store))
    service.every(sweep, "forecasts", lambda: expire_jobs(service.database, service.store))
    service.every(sweep, "assemble", lambda: housekeeping.resume_assemblies(service.database, reader))
    service.every(sweep, "staging", lambda: housekeeping.clear_staging(service.database, service.store))
    service.every(_HOUR, "parts", lambda: housekeeping.sweep_staging(service.database, service.store))
    service.every(_HOUR, "store", lambda: housekeeping.sweep_store(service.store))
    service.every(sweep, "delete", lambda: deletion.finish_deletions(service.database, service.store))
    service.every(_HOUR, "messages", lambda: housekeeping.forget_old_messages(service.database))
    routers = [api_uploads.router, api_tus.router, api_sessions.router, api_analysis.router, api_forecasts.router]
    application = service.application("upload", routers)
    application.state.reader = reader
    application.add_middleware(TusProtocol)
    return application
