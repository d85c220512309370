"""A notifier that ends as asked."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response

from foretide.stack.servers import LocalServers
from services.notifier.app import create_api
from services.notifier.webhooks import sender
from shared.database.pool import Database
from shared.runtime.service import Service
from tests.integration.apps import running, settings_for
from tests.integration.conftest import Owned
from tests.integration.webhooks.conftest import SETTINGS, owner_at
from tests.integration.webhooks.receiver import Received, Receiver
from tests.waiting import until

pytestmark = pytest.mark.integration


async def test_it_hands_back_what_it_was_sending_and_the_next_one_sends_it_at_once(
    servers: LocalServers,
    database: Database,
    session: Owned,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not when the lease has run out, which is a minute here."""
    monkeypatch.setattr(sender, "_GRACE_SECONDS", 0.1)
    gone = asyncio.Event()

    async def think(_: Received) -> Response:
        await gone.wait()
        return Response(status_code=204)

    receiver.answer = think
    patient = settings_for(servers, **{**SETTINGS, "webhook_timeout_seconds": 60.0})
    async with (
        running(create_api(Service("notifier", patient))) as first,
        owner_at(first, servers, database, session) as owner,
    ):
        hook = await owner.hook(receiver.url)
        event = await owner.event()
        await until(lambda: receiver.received, what="it is under way")
    gone.set()
    receiver.always(204)
    async with (
        running(create_api(Service("notifier", settings_for(servers, **SETTINGS)))) as second,
        owner_at(second, servers, database, session) as owner,
    ):
        [item] = await owner.ended(hook)
    assert (item["status"], [attempt["number"] for attempt in item["attempts"]]) == ("delivered", [2])
    assert receiver.times == {event: 2}
