"""Two notifiers behind the gateway: a client may be on any of them, by any transport, and hears everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from shared.events.payloads import TrainingCancelled
from tests.integration.apps import ServiceProcess, settings_for
from tests.integration.conftest import Owned
from tests.integration.gateway.servers import gateway
from tests.integration.outboxes import record
from tests.integration.realtime.watching import happen
from tests.javascript import script
from tests.waiting import until

pytestmark = pytest.mark.integration

OPTIONS: list[dict[str, Any]] = [
    {"transports": ["websocket"]},
    {"transports": ["websocket"]},
    {},  # what the official client does by default: polling, then a WebSocket
    {"query": {"cid": "a"}},
    {"query": {"cid": "b"}},
    {"query": {"cid": "c"}, "transports": ["polling"]},
    {"transports": ["polling"]},
]


class Follower:
    """An official client, and what it has heard so far but for greetings."""

    def __init__(self, url: str, session_id: str, token: str, options: dict[str, Any]) -> None:
        self._script = script(
            "follow.mjs", url, session_id, json.dumps({"options": options}), environment={"FORETIDE_TOKEN": token}
        )
        self.heard: list[dict[str, Any]] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with asyncio.timeout(120), self._script as lines:
            async for line in lines:
                if line["event"] != "connected":
                    self.heard.append(line)

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.heard)

    @property
    def numbers(self) -> list[int]:
        return [
            line["data"]["sequence"] for line in self.heard if line["event"] != "joined" and "sequence" in line["data"]
        ]


@pytest.fixture(scope="module")
async def replicas(servers: LocalServers) -> AsyncIterator[list[ServiceProcess]]:
    """Two of them."""
    async with (
        ServiceProcess("notifier", settings_for(servers)) as one,
        ServiceProcess("notifier", settings_for(servers)) as two,
    ):
        yield [one, two]


async def clients_of(replica: ServiceProcess) -> int:
    """How many clients are connected to it."""
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"{replica.url}/metrics")).text
    return int(float(metrics.partition("\nforetide_notifier_clients ")[2].split()[0]))


async def test_clients_of_every_kind_hear_everything_also_when_a_replica_is_killed(
    replicas: list[ServiceProcess], database: Database, session: Owned, token: str
) -> None:
    async with gateway(upstreams={"notifier": [replica.url for replica in replicas]}) as url:
        followers = [Follower(url, session.session_id, token, options) for options in OPTIONS]
        await until(lambda: all(follower.count("joined") for follower in followers), what="all joined")
        assert all(line["data"]["ok"] for one in followers for line in one.heard if line["event"] == "joined")
        assert all([await clients_of(replica) for replica in replicas])
        await happen(database, session, 20)
        await until(lambda: all(len(follower.numbers) == 20 for follower in followers), what="all heard 20")
        await replicas[0].kill()
        await happen(database, session, 20)
        await replicas[0].start()
        await happen(database, session, 20)
        await record(database, session, TrainingCancelled(session_id=session.session_id))
        await asyncio.gather(*(follower.reading for follower in followers))
    for follower, options in zip(followers, OPTIONS, strict=True):
        assert follower.numbers == list(range(1, 62)), options
    assert any(follower.count("joined") > 1 for follower in followers)
    assert any(follower.count("joined") == 1 for follower in followers)
