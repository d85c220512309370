"""How each side of the fan-out benchmark is given its events: ours through the broker, the bare one by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import aio_pika
import httpx
from pamqp.commands import Basic

from shared.bus.topology import EVENTS
from shared.events.envelope import Envelope, event_type


class Ours:
    """The notifier, to which events are published as the relay publishes them."""

    def __init__(self, user_id: UUID, channel: aio_pika.abc.AbstractChannel) -> None:
        self._user_id = user_id
        self._channel = channel
        self._numbers: dict[str, int] = {}

    async def publish(self, sessions: Sequence[str], gap: float) -> None:
        """One event to each session."""
        channel = await self._channel.get_underlay_channel()
        began = time.monotonic()
        for count, session_id in enumerate(sessions):
            due = began + count * gap
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            number = self._numbers[session_id] = self._numbers.get(session_id, 0) + 1
            data = {"session_id": session_id, "results": 1, "objects": round(due * 1e6)}
            envelope = Envelope(
                source="/foretide/results",
                type=event_type("results.deleted"),
                subject=session_id,
                sequence=str(number),
                userid=str(self._user_id),
                data=data,
            )
            properties = Basic.Properties(message_id=str(envelope.id))
            await channel.basic_publish(
                envelope.to_bytes(),
                exchange=EVENTS,
                routing_key="results.deleted",
                properties=properties,
                wait=False,  # type: ignore[call-arg]  # the interface lacks it
            )


class Bare:
    """The bare server, which emits by itself."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def publish(self, sessions: Sequence[str], gap: float) -> None:
        """One message to each room."""
        async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
            await client.post(f"{self._url}/emit", json={"rooms": list(sessions), "gap": gap})


Publisher = Ours | Bare
