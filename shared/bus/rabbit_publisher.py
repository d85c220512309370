"""Publishing with confirms: persistent, mandatory, in order, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aio_pika

from shared.bus.port import BusUnavailable, OutgoingMessage
from shared.bus.rabbit_topology import declare, declare_log
from shared.bus.topology import EVENTS, LOG
from shared.events.envelope import CONTENT_TYPE, Envelope
from shared.telemetry.logs import logger

log = logger(__name__)

CONFIRM_SECONDS = 15.0
LOG_WAIT_SECONDS = 15.0
"""How long publishing waits for the event log to come back, so that it has every event. A stream that was made
seconds before its node was killed may never come back (seen with 3.10.8); then the rest goes on without it."""
Connect = Callable[[], Awaitable[aio_pika.abc.AbstractConnection]]


class Publisher:
    """One connection and one confirming channel, opened on first use and anew after any failure."""

    def __init__(self, connect: Connect, retry_delays: Sequence[int]) -> None:
        self._connect = connect
        self._retry_delays = retry_delays
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._channel: aio_pika.abc.AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._log_missing_since: float | None = None

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        """Send all in order without waiting in between; None for each that the broker confirmed."""
        try:
            channel = await self._open()
        except BusUnavailable as error:
            return [error] * len(messages)
        results = await asyncio.gather(
            *(
                self._send(
                    channel,
                    message.exchange,
                    message.routing_key,
                    _message(message.body, message.message_id, persistent=True),
                    # An event that nobody wants is no fault; a command that nobody takes is one.
                    mandatory=message.exchange != EVENTS,
                )
                for message in messages
            ),
            return_exceptions=True,
        )
        outcome = [_as_failure(result) for result in results]
        if any(isinstance(error, BusUnavailable) for error in outcome):
            await self._discard(channel)
        return outcome

    async def forward(
        self, exchange: str, routing_key: str, body: bytes, message_id: str, headers: Mapping[str, str | int]
    ) -> None:
        """Send one message with headers to a waiting or dead-letter exchange. Raises :class:`BusUnavailable`."""
        channel = await self._open()
        message = _message(body, message_id, persistent=True)
        message.headers = dict(headers)
        try:
            await self._send(channel, exchange, routing_key, message)
        except BusUnavailable:
            await self._discard(channel)
            raise

    async def publish_transient(self, exchange: str, envelope: Envelope) -> None:
        """Send without persistence; dropped when the broker is away or nobody listens."""
        channel = self._channel
        if channel is None:
            try:
                channel = await self._open()
            except BusUnavailable:
                log.debug("progress dropped", session_id=envelope.subject)
                return
        message = _message(envelope.to_bytes(), str(envelope.id), persistent=False)
        try:
            await self._send(channel, exchange, envelope.subject, message, mandatory=False)
        except BusUnavailable:
            log.debug("progress dropped", session_id=envelope.subject)
            await self._discard(channel)

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._discard(self._channel)

    async def _send(
        self,
        channel: aio_pika.abc.AbstractChannel,
        exchange_name: str,
        routing_key: str,
        message: aio_pika.Message,
        mandatory: bool = True,
    ) -> None:
        """Publish and wait for the confirm. Raises :class:`BusUnavailable`, or the client's
        ``PublishError`` for a message that no queue takes or that a full queue refuses."""
        exchange = (
            channel.default_exchange if not exchange_name else await channel.get_exchange(exchange_name, ensure=False)
        )
        try:
            await exchange.publish(message, routing_key, mandatory=mandatory, timeout=CONFIRM_SECONDS)
        except aio_pika.exceptions.DeliveryError:
            raise
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
            raise BusUnavailable(f"The broker did not confirm: {error or type(error).__name__}") from error
        except asyncio.CancelledError as error:
            # The client cancels waiting publishes when its channel closes; a real cancellation passes on.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BusUnavailable("The connection closed before the broker confirmed.") from error

    async def _open(self) -> aio_pika.abc.AbstractChannel:
        async with self._opening:
            if self._channel is not None and not self._channel.is_closed:
                return self._channel
            await self._close_connection()
            connection = await self._connect()
            try:
                async with asyncio.timeout(CONFIRM_SECONDS):
                    declaring = await connection.channel()
                    await declare(declaring, self._retry_delays)
                    await declaring.close()
                    await self._wait_for_log(connection)
                    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            except BusUnavailable:
                await connection.close()
                raise
            except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
                await connection.close()
                raise BusUnavailable(f"The broker refused a channel: {error}") from error
            self._connection, self._channel = connection, channel
            return channel

    async def _wait_for_log(self, connection: aio_pika.abc.AbstractConnection) -> None:
        """Raises :class:`BusUnavailable` while the event log may still come back."""
        now = asyncio.get_running_loop().time()
        if await declare_log(connection):
            self._log_missing_since = None
            return
        self._log_missing_since = self._log_missing_since or now
        if now - self._log_missing_since < LOG_WAIT_SECONDS:
            raise BusUnavailable("The event log is not back yet.")
        log.error("event log lost: publishing without it", queue=LOG, advice="delete the queue on the broker")

    async def _discard(self, channel: aio_pika.abc.AbstractChannel) -> None:
        async with self._opening:
            if self._channel is channel:
                self._channel = None
                await self._close_connection()

    async def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(5.0):
                await connection.close()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
            log.debug("publisher closed uncleanly", error=str(error))


def _message(body: bytes, message_id: str, *, persistent: bool) -> aio_pika.Message:
    mode = aio_pika.DeliveryMode.PERSISTENT if persistent else aio_pika.DeliveryMode.NOT_PERSISTENT
    return aio_pika.Message(
        body, message_id=message_id, content_type=CONTENT_TYPE, content_encoding="utf-8", delivery_mode=mode
    )


def _as_failure(result: BaseException | None) -> Exception | None:
    if result is None or isinstance(result, Exception):
        return result
    raise result
