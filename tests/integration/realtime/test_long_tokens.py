"""F80: a token of 12 kB carries a session's updates through the gateway, whatever the transport."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from shared.events.payloads import TrainingCancelled
from tests.integration.apps import ServiceProcess
from tests.integration.conftest import Owned
from tests.integration.gateway.servers import gateway
from tests.integration.outboxes import record
from tests.integration.realtime.watching import happen
from tests.javascript import script

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_f80_a_token_of_12_kilobytes_over_polling_and_over_a_websocket(
    transports: list[str],
    notifier: ServiceProcess,
    servers: LocalServers,
    database: Database,
    session: Owned,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What `foretide serve` sets for the gateway's process.
    monkeypatch.setattr("websockets.http11.MAX_LINE_LENGTH", 128 * 1024)
    claims = {
        "sub": str(session.user_id),
        "aud": "authenticated",
        "role": "authenticated",
        "exp": datetime.now(UTC) + timedelta(hours=1),
        "groups": "x" * 9_000,
    }
    token = jwt.encode(claims, servers.jwt_secret, algorithm="HS256")
    assert len(token) > 12_000
    await happen(database, session, 3)
    await record(database, session, TrainingCancelled(session_id=session.session_id))
    options = {"transports": transports, "extraHeaders": {"Authorization": f"Bearer {token}"}}
    async with gateway(upstreams={"notifier": [notifier.url]}) as url:
        following = script(
            "follow.mjs",
            url,
            session.session_id,
            json.dumps({"options": options}),
            environment={"FORETIDE_TOKEN": token},
        )
        async with following as lines:
            heard: list[dict[str, Any]] = [line async for line in lines]
    assert [line["data"]["sequence"] for line in heard if line["data"].get("session_id")] == [1, 2, 3, 4]
    assert heard[-1]["event"] in ("disconnect", "joined")
    assert "connect_error" not in [line["event"] for line in heard]
