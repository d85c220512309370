"""One running service: its database, bus, store and identity, opened and closed in the right order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from fastapi import APIRouter, FastAPI

from shared.bus.rabbit import RabbitBus
from shared.database.pool import Database
from shared.delivery.relay import Relay
from shared.identity.verifier import TokenVerifier
from shared.jobs.sweep import Sweep
from shared.runtime.child import Advice, Children
from shared.runtime.progress import ProgressSender
from shared.settings import Settings
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from shared.telemetry.logs import logger
from shared.web import health
from shared.web.fair_use import FairUse, TellStanding
from shared.web.middleware import Observe
from shared.web.openapi import Application
from shared.web.problems import add_problem_handlers

log = logger(__name__)


class Stoppable(Protocol):
    """Something that must let go of its work before the connections close."""

    async def stop(self) -> None:
        """Let go."""
        ...


class Companion(Stoppable, Protocol):
    """Something that runs in the background once the connections are open."""

    async def start(self) -> None:
        """Begin."""
        ...


class Service:
    """What a service's modules get: built by its ``app.py``, opened by the application's lifespan."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.database = Database(settings.database_url, pool_size=settings.database_pool_size)
        self.bus = RabbitBus(settings.bus_url, name=name, retry_delays=settings.retry_delays_seconds)
        self.relay = Relay(self.database, self.bus)
        self.database.on_messages = self.relay.wake
        self.verifier = TokenVerifier.from_settings(settings)
        self.fair_use = FairUse(self.database, settings)
        self._store: ObjectStore | None = None
        self._companions: list[Companion] = []
        self._workers: list[Stoppable] = []
        self._children: list[Children] = []
        self._senders: list[ProgressSender] = []
        self._stopping = False

    @property
    def store(self) -> ObjectStore:
        """The object store, once the application runs."""
        if self._store is None:
            raise RuntimeError("the service is not running")
        return self._store

    def every(self, seconds: float, name: str, action: Callable[[], Awaitable[None]]) -> None:
        """Run ``action`` on a schedule that replicas share."""
        self.start_last(Sweep(self.database, f"{self.name}.{name}", seconds, action))

    def start_last(self, companion: Companion) -> None:
        """Run this beside the service, from when everything is open until the process ends."""
        self._companions.append(companion)

    def children(self, module: str, *, what: str, advice: Advice) -> Children:
        """To run ``python -m module`` in, for as long as the service runs. See :class:`Children`."""
        made = Children(module, what=what, advice=advice)
        self._children.append(made)
        return made

    def progress_sender(self, source: str) -> ProgressSender:
        """For telling watchers of a session or an upload; what waits when the service stops is sent first."""
        made = ProgressSender(self.bus, source=source)
        self._senders.append(made)
        return made

    def stop_first(self, worker: Stoppable) -> None:
        """Stop this before anything else when the process ends."""
        self._workers.append(worker)

    def application(self, title: str, routers: Sequence[APIRouter] = ()) -> FastAPI:
        """The ASGI application: the routers, health checks, problems, tracing, and this service's lifespan."""
        application = Application(title=f"Foretide {title}", lifespan=self._lifespan, docs_url=None, redoc_url=None)
        application.state.service = self
        add_problem_handlers(application)
        application.add_middleware(TellStanding)
        application.add_middleware(Observe, service=self.name)
        for router in (*routers, health.router):
            application.include_router(router)
        return application

    async def readiness(self) -> dict[str, bool]:
        """Which of the parts that every request needs answer now."""
        database, store = await asyncio.gather(self.database.ready(), self.store.ready())
        return {"running": not self._stopping, "database": database, "bus": self.bus.ready(), "store": store}

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            await self.database.open()
            opened.push_async_callback(self.database.close)
            self._store = await opened.enter_async_context(
                open_store(
                    self.settings.store_url,
                    public_url=self.settings.public_url,
                    signing_secret=self.settings.signing_secret.get_secret_value(),
                )
            )
            for children in self._children:
                opened.push_async_callback(children.stop)
            await self.relay.start()
            opened.push_async_callback(self.relay.stop)
            await self.bus.start()
            opened.push_async_callback(self.bus.stop)
            opened.push_async_callback(self._stop_senders)
            for companion in self._companions:
                await companion.start()
                opened.push_async_callback(companion.stop)
            opened.push_async_callback(self._stop_workers)
            log.info("service runs", service=self.name)
            yield
            self._stopping = True
        log.info("service ended", service=self.name)

    async def _stop_senders(self) -> None:
        await asyncio.gather(*(sender.stop() for sender in self._senders))

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))
