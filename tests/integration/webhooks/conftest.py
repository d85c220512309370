"""The notifier's HTTP side with what sends webhooks, patient for tenths of seconds only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.notifier.app import create_api
from services.notifier.webhooks import sender
from shared.database.pool import Database
from shared.events.payloads import ResultsDeleted
from shared.runtime.service import Service
from tests.integration.apps import caller, running, settings_for, token_of
from tests.integration.conftest import Owned
from tests.integration.outboxes import record
from tests.integration.webhooks.receiver import Receiver
from tests.waiting import until

HOOKS = "/api/training/webhooks"
SETTINGS = {
    "webhook_allow_http": True,
    "webhook_allow_private": True,
    "webhook_timeout_seconds": 1.0,
    "webhook_delays_seconds": [0.1, 0.2, 1.0],
}


@pytest.fixture(scope="module")
async def notifier(servers: LocalServers) -> AsyncIterator[FastAPI]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sender, "_POLL_SECONDS", 0.1)
        async with running(create_api(Service("notifier", settings_for(servers, **SETTINGS)))) as application:
            yield application


@dataclass
class Owner:
    """Somebody with a session, at the notifier."""

    owned: Owned
    client: httpx.AsyncClient
    database: Database

    async def hook(self, url: str, **more: object) -> dict[str, Any]:
        """A new webhook, with its secret."""
        made = await self.client.post(HOOKS, json={"url": url, **more})
        assert made.status_code == 201, made.text
        answer: dict[str, Any] = made.json()
        return answer

    async def event(self, payload: object | None = None) -> str:
        """Something happens in the session; its event's id."""
        told = payload or ResultsDeleted(session_id=self.owned.session_id, results=1, objects=2)
        return str(await record(self.database, self.owned, told))

    async def read(self, hook: dict[str, Any]) -> dict[str, Any]:
        """The webhook as it is now."""
        answer: dict[str, Any] = (await self.client.get(f"{HOOKS}/{hook['webhookId']}")).json()
        return answer

    async def hold(self, hook: dict[str, Any], held: bool) -> None:
        """As when its receiver has asked for a pause, or when that is over."""
        async with self.database.transaction() as transaction:
            await transaction.execute(
                "update webhooks set held_until = case when $2 then now() + interval '1 day' end where id = $1",
                UUID(hook["webhookId"]),
                held,
            )

    async def log(self, hook: dict[str, Any]) -> list[dict[str, Any]]:
        """Its deliveries, newest first."""
        listed = await self.client.get(f"{HOOKS}/{hook['webhookId']}/deliveries")
        assert listed.status_code == 200, listed.text
        items: list[dict[str, Any]] = listed.json()["items"]
        return items

    async def ended(self, hook: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
        """Its deliveries once so many are there and none waits."""

        async def all_ended() -> list[dict[str, Any]]:
            items = await self.log(hook)
            waits = len(items) < count or any(item["status"] == "pending" for item in items)
            return [] if waits else items

        found: list[dict[str, Any]] = await until(all_ended, what="all deliveries have ended")
        return found

    async def attempted(self, hook: dict[str, Any], times: int = 1) -> dict[str, Any]:
        """Its newest delivery once it was tried so often."""

        async def tried() -> dict[str, Any] | None:
            items = await self.log(hook)
            return items[0] if items and len(items[0]["attempts"]) >= times else None

        found: dict[str, Any] = await until(tried, what=f"{times} attempts")
        return found


@asynccontextmanager
async def owner_at(
    application: FastAPI, servers: LocalServers, database: Database, owned: Owned
) -> AsyncIterator[Owner]:
    """The session's owner at this application."""
    async with caller(application, servers, owned.user_id) as client:
        yield Owner(owned, client, database)


@asynccontextmanager
async def owner_at_url(url: str, servers: LocalServers, database: Database, owned: Owned) -> AsyncIterator[Owner]:
    """The session's owner at a notifier that is a process of its own."""
    headers = {"Authorization": f"Bearer {token_of(servers, owned.user_id)}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Owner(owned, client, database)


@pytest.fixture
async def owner(notifier: FastAPI, servers: LocalServers, database: Database, session: Owned) -> AsyncIterator[Owner]:
    database.on_messages = notifier.state.service.relay.wake
    async with owner_at(notifier, servers, database, session) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with made.running():
        yield made
