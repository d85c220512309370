"""Consuming: one channel per subscriber, retries counted by us, dead letters with their reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aio_pika
import aiormq

from shared.bus.port import BusUnavailable, GiveUp, Handler, Reject
from shared.bus.rabbit_publisher import Publisher
from shared.bus.topology import (
    ATTEMPT_HEADER,
    DEAD,
    ERROR_HEADER,
    EVENTS,
    PROGRESS,
    QUEUE_HEADER,
    Subscription,
    retry_exchange,
)
from shared.events.envelope import Envelope, decode
from shared.problems import ProblemError
from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace

log = logger(__name__)

_LISTENER_PREFETCH = 200
_RETURN_SECONDS = 1.0
_LONGEST_RETURN_SECONDS = 10.0
_CLIENT_ERRORS = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


class WorkConsumer:
    """Takes one work queue's messages, up to ``prefetch`` at a time, and answers for each of them."""

    def __init__(
        self,
        subscription: Subscription,
        handler: Handler,
        prefetch: int,
        give_up: GiveUp | None,
        publisher: Publisher,
        retry_delays: Sequence[int],
    ) -> None:
        self._subscription = subscription
        self._handler = handler
        self._prefetch = prefetch
        self._give_up = give_up
        self._publisher = publisher
        self._retry_delays = retry_delays
        self._queue: aio_pika.abc.AbstractQueue | None = None
        self._tag: str | None = None
        self._paused = False
        self._stopped = False
        self._switching = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    async def open(self, connection: aio_pika.abc.AbstractConnection, trouble: asyncio.Event) -> None:
        """Consume on a fresh channel of this connection; ``trouble`` is set when the broker ends it."""
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=self._prefetch)
        channel.close_callbacks.add(lambda *_: trouble.set())
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: trouble.set())
        async with self._switching:
            self._queue = await channel.get_queue(self._subscription.queue, ensure=False)
            self._tag = None
            await self._apply()

    def forget_channel(self) -> None:
        """The connection is gone; the next ``open`` begins anew."""
        self._queue = None
        self._tag = None

    async def pause(self) -> None:
        """See :class:`shared.bus.port.Consumer`."""
        self._paused = True
        await self._switch()

    async def resume(self) -> None:
        """See :class:`shared.bus.port.Consumer`."""
        self._paused = False
        await self._switch()

    async def stop(self, grace_seconds: float) -> None:
        """Take no more, and let what runs end; what has not ended by then is redelivered elsewhere."""
        self._stopped = True
        await self._switch()
        if self._running:
            _, unfinished = await asyncio.wait(set(self._running), timeout=grace_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def _switch(self) -> None:
        async with self._switching:
            try:
                await self._apply()
            except _CLIENT_ERRORS as error:
                # The connection is going; the reconnect loop applies the state on the next one.
                log.debug("consumer not switched", queue=self._subscription.queue, error=str(error))

    async def _apply(self) -> None:
        wanted = not (self._paused or self._stopped)
        if self._queue is None or wanted == (self._tag is not None):
            return
        if wanted:
            self._tag = await self._queue.consume(self._on_message, timeout=10)
        elif self._tag is not None:
            await self._queue.cancel(self._tag, timeout=10)
            self._tag = None

    async def _on_message(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        try:
            await self._process(message)
        except (BusUnavailable, *_CLIENT_ERRORS) as error:
            # The channel is gone, and with it the delivery: the broker delivers it again.
            log.warning("delivery lost", queue=self._subscription.queue, error=str(error))
        except Exception:
            log.exception("delivery returned", queue=self._subscription.queue)
            await asyncio.sleep(_RETURN_SECONDS)
            await message.nack(requeue=True)

    async def _process(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        try:
            envelope = decode(message.body)
        except ValueError as error:
            await self._bury(message, f"not a CloudEvents envelope: {error}")
            await message.ack()
            return
        with continue_trace(envelope.traceparent):
            try:
                await self._handler(envelope)
            except Reject as error:
                await self._end(message, envelope, error)
            except Exception as error:
                await self._retry(message, envelope, error)
            else:
                await message.ack()

    async def _retry(self, message: aio_pika.abc.AbstractIncomingMessage, envelope: Envelope, error: Exception) -> None:
        attempt = _attempt(message)
        patient = isinstance(error, ProblemError) and error.retryable
        log.warning(
            "message not handled",
            queue=self._subscription.queue,
            event_id=str(envelope.id),
            attempt=attempt,
            error=str(error),
            exc_info=not patient,
        )
        if attempt > len(self._retry_delays) and not patient:
            await self._end(message, envelope, error)
            return
        # What only waits for something to come back (a store, say) waits as long as it takes.
        delay = self._retry_delays[min(attempt, len(self._retry_delays)) - 1]
        headers: dict[str, str | int] = {ATTEMPT_HEADER: attempt + 1, QUEUE_HEADER: self._subscription.queue}
        await self._forward(retry_exchange(delay).name, message, headers)
        await message.ack()

    async def _end(self, message: aio_pika.abc.AbstractIncomingMessage, envelope: Envelope, error: Exception) -> None:
        await self._bury(message, f"{type(error).__name__}: {error}")
        if self._give_up is not None:
            await self._give_up(envelope, error)
        await message.ack()

    async def _bury(self, message: aio_pika.abc.AbstractIncomingMessage, reason: str) -> None:
        log.error("dead letter", queue=self._subscription.queue, message_id=message.message_id, reason=reason)
        headers: dict[str, str | int] = {
            ATTEMPT_HEADER: _attempt(message),
            QUEUE_HEADER: self._subscription.queue,
            ERROR_HEADER: reason[:2000],
        }
        await self._forward(DEAD, message, headers)

    async def _forward(
        self, exchange: str, message: aio_pika.abc.AbstractIncomingMessage, headers: dict[str, str | int]
    ) -> None:
        """Insist: an unanswered delivery on a living channel would never come again, and hold its slot for ever."""
        wait = _RETURN_SECONDS
        while True:
            try:
                await self._publisher.forward(
                    exchange, self._subscription.queue, message.body, message.message_id or "", headers
                )
            except (BusUnavailable, aio_pika.exceptions.DeliveryError) as error:
                log.warning("cannot be put aside yet", queue=self._subscription.queue, error=str(error))
            else:
                return
            if message.channel.is_closed:
                raise BusUnavailable("The delivery's channel closed meanwhile.")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_RETURN_SECONDS)


class Listener:
    """Hears every event and all progress on an exclusive queue; what it misses is in the database."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._channel: aiormq.abc.AbstractChannel | None = None
        self._tag: str | None = None

    async def open(self, connection: aio_pika.abc.AbstractConnection, trouble: asyncio.Event) -> None:
        """Declare the exclusive queue anew and consume it."""
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=_LISTENER_PREFETCH)
        channel.close_callbacks.add(lambda *_: trouble.set())
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: trouble.set())
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(EVENTS, "#")
        await queue.bind(PROGRESS, "#")
        # Below aio-pika's own messages: making one of those takes a third of what passing an event on takes.
        consuming = await underlay.basic_consume(queue.name, self._on_message, no_ack=True)
        self._channel, self._tag = underlay, consuming.consumer_tag

    def forget_channel(self) -> None:
        """The connection is gone, and the exclusive queue with it."""
        self._channel = self._tag = None

    async def stop(self, grace_seconds: float) -> None:
        """Stop hearing."""
        channel, tag = self._channel, self._tag
        self.forget_channel()
        if channel is not None and tag is not None:
            try:
                await channel.basic_cancel(tag, timeout=grace_seconds)
            except _CLIENT_ERRORS as error:
                log.debug("listener not cancelled", error=str(error))

    async def _on_message(self, message: aiormq.abc.DeliveredMessage) -> None:
        try:
            envelope = decode(message.body)
            with continue_trace(envelope.traceparent):
                await self._handler(envelope)
        except Exception:
            # Nothing to retry: whoever listens catches up from the database.
            log.exception("event not passed on", routing_key=message.routing_key)


def _attempt(message: aio_pika.abc.AbstractIncomingMessage) -> int:
    value: Any = message.headers.get(ATTEMPT_HEADER, 1)
    return value if isinstance(value, int) and value > 0 else 1
