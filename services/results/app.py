"""The results service: wiring only."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from services.results import api, api_downloads, api_forecasts, api_plots, api_runs
from services.results.closing import close_forgotten
from services.results.filing import SUBSCRIPTION, Filing
from services.results.forecasts import follow_sessions
from services.results.handlers import on_model_failed
from services.results.making import Maker
from services.results.reconciliation.reconcile import reconcile
from services.results.removal import finish_removals, on_session_deleted
from services.results.retention import Rule
from services.results.retirement import finish_retirements, retire_runs
from services.results.smaller import less_at_once
from services.results.store_watch import StoreWatch
from shared.bus.topology import Subscription
from shared.delivery.inbox import handled_once, patient, read
from shared.events.envelope import Envelope
from shared.events.payloads import ModelFailed, SessionDeleted
from shared.runtime.service import Service
from shared.settings import Settings

_FILED_AT_ONCE = 2
_HOUR = 3600.0


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application of ``foretide serve results``."""
    service = Service("results", settings)
    children = service.children("services.results.child", what="Making files of the results", advice=less_at_once)
    filing = Filing(service, children)
    service.bus.subscribe(SUBSCRIPTION, patient(filing.handle), prefetch=_FILED_AT_ONCE, give_up=filing.give_up)
    failed = Subscription("results", "model.failed", "event")
    service.bus.subscribe(failed, handled_once(service.database, failed.queue, ModelFailed, on_model_failed))

    async def remove(envelope: Envelope) -> None:
        # Removing twice is the same as once, so this needs no inbox.
        await on_session_deleted(service.database, service.store, read(envelope, SessionDeleted).session_id)

    service.bus.subscribe(Subscription("results", "session.deleted", "event"), patient(remove))
    follow_sessions(service, service.database)
    service.every(settings.sweep_seconds, "close", lambda: close_forgotten(service.database))
    service.every(settings.sweep_seconds, "remove", lambda: finish_removals(service.database, service.store))
    _clean_up_regularly(service, settings)
    routers = [api.router, api_runs.router, api_plots.router, api_downloads.router, api_forecasts.router]
    application = service.application("results", routers)
    application.state.maker = Maker(service, children)
    application.state.store_watch = StoreWatch()
    return application


def _clean_up_regularly(service: Service, settings: Settings) -> None:
    async def compare() -> None:
        grace = timedelta(hours=settings.orphan_grace_hours)
        await reconcile(service.database, service.store, grace=grace, dry_run=False)

    if settings.reconcile_hours:
        service.every(settings.reconcile_hours * _HOUR, "reconcile", compare)
    rule = Rule(settings.retention_days, settings.retention_runs)
    if rule.is_set:
        service.every(_HOUR, "retention", lambda: retire_runs(service.database, service.store, rule))
    # Also without a rule: `foretide storage retention` may have been cut short.
    service.every(settings.sweep_seconds, "retire", lambda: finish_retirements(service.database, service.store))
