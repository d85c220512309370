"""The relay: publishes the outbox in the order in which it was written, and marks what the broker confirmed.

Every process has one, and at any time one of them leads (an advisory lock that dies with its connection), so a
session's events leave in order whichever service recorded them. What is sent but not yet marked when the leader
dies is sent again by the next one under the same id; consumers drop it by their inbox.
"""

from __future__ import annotations

import asyncio
from typing import Any

from shared.bus.port import Bus, OutgoingMessage
from shared.database.pool import CONNECTION_ERRORS, Database, DatabaseUnavailable
from shared.ending import end_tasks
from shared.telemetry.logs import logger

log = logger(__name__)

CHANNEL = "foretide_outbox"
_LEADER_LOCK = 0x0F0E7_1DE_0B0C
_BATCH = 500
_POLL_SECONDS = 1.0
_SELECT = """
select position, message_id::text, exchange, routing_key, envelope::text as body
from public.outbox where sent_at is null order by position limit $1
"""
_MARK = "update public.outbox set sent_at = now() where position = any($1::bigint[])"
_AS_SERVICE = "select set_config('role', 'service_role', false)"


class Relay:
    """Run it with ``start``; ``wake`` after a commit that recorded messages."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._wake_here = asyncio.Event()
        self._tell_leader = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """There is something to send: tell whichever process leads, without waiting."""
        self._tell_leader.set()

    async def start(self) -> None:
        """Begin in the background."""
        self._tasks = [
            asyncio.create_task(self._keep(self._lead), name="relay"),
            asyncio.create_task(self._keep(self._notify), name="relay-notify"),
        ]

    async def stop(self) -> None:
        """End; what is not sent yet is sent by another process, or by this one after its restart."""
        self._stopping = True
        await end_tasks(*self._tasks)

    async def _keep(self, work: Any) -> None:
        """Repeat with a connection of its own, whatever happens to the last one."""
        while not self._stopping:
            connection = None
            try:
                connection = await self._database.connect_alone()
                # Session level is safe here: this connection never serves anybody else.
                await connection.execute(_AS_SERVICE)
                await work(connection)
            except (DatabaseUnavailable, *CONNECTION_ERRORS) as error:
                log.warning("relay lost its database", error=str(error))
            except Exception:
                log.exception("relay failed")
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(_POLL_SECONDS)

    async def _notify(self, connection: Any) -> None:
        # A lost notification costs one poll interval, so it need not wait for the disk; and it is sent outside
        # of the work's transaction, because NOTIFY serialises commits.
        await connection.execute("set synchronous_commit = off")
        while True:
            await self._tell_leader.wait()
            self._tell_leader.clear()
            await connection.execute(f"notify {CHANNEL}")

    async def _lead(self, connection: Any) -> None:
        while not await connection.fetchval("select pg_try_advisory_lock($1)", _LEADER_LOCK):
            await asyncio.sleep(_POLL_SECONDS)
        log.info("relay leads")
        await connection.add_listener(CHANNEL, lambda *_: self._wake_here.set())
        while True:
            self._wake_here.clear()
            while await self._send_batch(connection):
                pass
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wake_here.wait()
            except TimeoutError:
                # Also finds what was recorded by a process that died before it could tell.
                continue

    async def _send_batch(self, connection: Any) -> bool:
        """Send up to a batch; True when there may be more to send at once."""
        rows = await connection.fetch(_SELECT, _BATCH)
        if not rows:
            return False
        messages = [
            OutgoingMessage(row["exchange"], row["routing_key"], row["message_id"], row["body"].encode())
            for row in rows
        ]
        outcome = await self._bus.publish(messages)
        sent = [row["position"] for row, error in zip(rows, outcome, strict=True) if error is None]
        if sent:
            await connection.execute(_MARK, sent)
        errors = [error for error in outcome if error is not None]
        if errors:
            log.warning("outbox waits", unsent=len(errors), error=str(errors[0]))
            await asyncio.sleep(_POLL_SECONDS)
        return len(rows) == _BATCH or bool(errors)
