"""RabbitMQ behind the bus port; with ``rabbit_*`` beside it, the only importer of the broker client.

Plain connections and an own reconnect loop instead of the client's robust ones: on any trouble (connection or
channel closed, queue deleted, node restarted) everything is opened, declared and consumed anew, one path for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aio_pika

from shared.bus.port import BusUnavailable, Consumer, GiveUp, Handler, OutgoingMessage
from shared.bus.rabbit_consumer import Listener, WorkConsumer
from shared.bus.rabbit_publisher import Publisher
from shared.bus.rabbit_topology import declare
from shared.bus.topology import PROGRESS, Subscription
from shared.events.envelope import Envelope
from shared.telemetry.logs import logger

log = logger(__name__)

CONNECT_SECONDS = 10.0
HEARTBEAT_SECONDS = 20
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0


async def connect(url: str, name: str) -> aio_pika.abc.AbstractConnection:
    """Open one connection. Raises :class:`BusUnavailable`."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await aio_pika.connect(
                url, heartbeat=HEARTBEAT_SECONDS, client_properties={"connection_name": f"foretide {name}"}
            )
    except (aio_pika.exceptions.AMQPError, OSError, TimeoutError) as error:
        raise BusUnavailable(f"The broker did not answer: {error or type(error).__name__}") from error


class RabbitBus:
    """One process's side of the bus: a publishing connection and a consuming one, so that the broker's flow
    control on publishers never holds up consumers."""

    def __init__(self, url: str, *, name: str, retry_delays: Sequence[int]) -> None:
        self._url = url
        self._name = name
        self._retry_delays = list(retry_delays)
        self._publisher = Publisher(lambda: connect(url, f"{name} publisher"), self._retry_delays)
        self._consumers: list[WorkConsumer | Listener] = []
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._consuming = False

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        """See :class:`shared.bus.port.Bus`."""
        return await self._publisher.publish(messages)

    async def publish_progress(self, envelope: Envelope) -> None:
        """See :class:`shared.bus.port.Bus`."""
        await self._publisher.publish_transient(PROGRESS, envelope)

    def subscribe(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        prefetch: int = 10,
        give_up: GiveUp | None = None,
    ) -> Consumer:
        """See :class:`shared.bus.port.Bus`."""
        consumer = WorkConsumer(subscription, handler, prefetch, give_up, self._publisher, self._retry_delays)
        self._consumers.append(consumer)
        return consumer

    def listen(self, handler: Handler) -> None:
        """See :class:`shared.bus.port.Bus`."""
        self._consumers.append(Listener(handler))

    async def start(self) -> None:
        """See :class:`shared.bus.port.Bus`."""
        self._loop_task = asyncio.create_task(self._keep_consuming(), name="bus")

    def ready(self) -> bool:
        """See :class:`shared.bus.port.Bus`."""
        return self._consuming

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """See :class:`shared.bus.port.Bus`."""
        self._consuming = False
        # Together, so that none takes more while another one drains.
        await asyncio.gather(*(consumer.stop(grace_seconds) for consumer in self._consumers))
        self._stopping.set()
        if self._loop_task:
            await self._loop_task
        await self._publisher.close()

    async def _keep_consuming(self) -> None:
        wait = _FIRST_WAIT
        while not self._stopping.is_set():
            try:
                await self._consume_once()
                wait = _FIRST_WAIT
            except asyncio.CancelledError as error:
                # The client cancels whoever waits for an answer when its channel closes; a real one passes on.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                log.warning("bus lost", error=repr(error), next_try_seconds=wait)
            except Exception as error:
                log.warning("bus lost", error=str(error) or type(error).__name__, next_try_seconds=wait)
            self._consuming = False
            if not self._stopping.is_set():
                try:
                    async with asyncio.timeout(wait):
                        await self._stopping.wait()
                except TimeoutError:
                    wait = min(wait * 2, _LONGEST_WAIT)

    async def _consume_once(self) -> None:
        """Connect, declare, consume; return when stopped, raise when anything of it ends by itself."""
        connection = await connect(self._url, self._name)
        trouble = asyncio.Event()
        try:
            connection.close_callbacks.add(lambda *_: trouble.set())
            async with asyncio.timeout(CONNECT_SECONDS * 3):
                channel = await connection.channel()
                await declare(channel, self._retry_delays)
                await channel.close()
                for consumer in self._consumers:
                    await consumer.open(connection, trouble)
            self._consuming = True
            log.info("bus connected", consumers=len(self._consumers))
            await self._until(trouble)
        finally:
            self._consuming = False
            for consumer in self._consumers:
                consumer.forget_channel()
            await _close_quietly(connection)

    async def _until(self, trouble: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in (trouble, self._stopping)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if trouble.is_set() and not self._stopping.is_set():
            raise BusUnavailable("The connection, a channel or a queue went away.")


async def _close_quietly(connection: aio_pika.abc.AbstractConnection) -> None:
    try:
        async with asyncio.timeout(5.0):
            await connection.close()
    except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
        log.debug("connection closed uncleanly", error=str(error))
