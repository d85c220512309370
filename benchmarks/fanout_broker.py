"""How long an event is on its way through the broker alone: to a consumer that does nothing but look at the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import aio_pika
import aiormq

_EXCHANGE = "benchmarks.fanout"
_EVENT_BYTES = 400
"""About as many as the events that the notifier gets."""
_ROUND_SECONDS = 60.0


class Broker:
    """A queue of one's own, and what is published to it."""

    def __init__(self, channel: aiormq.abc.AbstractChannel) -> None:
        self._channel = channel
        self._latencies: list[float] = []
        self._came = asyncio.Event()

    @classmethod
    async def open(cls, connection: aio_pika.abc.AbstractConnection) -> Broker:
        """Listen as the notifier does."""
        channel = await connection.channel(publisher_confirms=False)
        exchange = await channel.declare_exchange(_EXCHANGE, aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(exchange, "#")
        broker = cls(await channel.get_underlay_channel())
        await broker._channel.basic_consume(queue.name, broker._hear, no_ack=True)
        return broker

    async def latencies(self, events: Sequence[str], gap: float) -> list[float]:
        """Of each event, seconds from when it was due until it was heard."""
        self._latencies = []
        began = time.monotonic()
        for count, event in enumerate(events):
            due = began + count * gap
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            body = repr(due).encode().ljust(_EVENT_BYTES)
            await self._channel.basic_publish(body, exchange=_EXCHANGE, routing_key=event, wait=False)  # type: ignore[call-arg]  # the interface lacks it
        async with asyncio.timeout(_ROUND_SECONDS):
            while len(self._latencies) < len(events):
                self._came.clear()
                await self._came.wait()
        return self._latencies

    async def _hear(self, message: aiormq.abc.DeliveredMessage) -> None:
        self._latencies.append(time.monotonic() - float(message.body))
        self._came.set()
