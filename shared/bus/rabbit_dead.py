"""The dead letters: looked through, replayed or dropped one by one.

A look takes every message without acknowledging it and closes the channel, which returns them all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika

from shared.bus.port import DeadLetter
from shared.bus.rabbit import connect
from shared.bus.rabbit_topology import declare
from shared.bus.topology import ATTEMPT_HEADER, DEAD, ERROR_HEADER, QUEUE_HEADER
from shared.events.envelope import CONTENT_TYPE

_CONFIRM_SECONDS = 15.0
Chosen = Callable[[DeadLetter], bool]


class DeadLetters:
    """An open look at the dead letters; use :func:`dead_letters`."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self._channel = channel

    async def all(self) -> list[DeadLetter]:
        """Every dead letter, oldest first."""
        return [letter for letter, _ in await self._take()]

    async def replay(self, chosen: Chosen) -> list[DeadLetter]:
        """Send the chosen ones back to the queue that they came from, as if for the first time."""
        replayed = []
        for letter, message in await self._take():
            if chosen(letter):
                again = aio_pika.Message(
                    letter.body,
                    message_id=letter.message_id,
                    content_type=CONTENT_TYPE,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                )
                await self._channel.default_exchange.publish(
                    again, letter.queue, mandatory=True, timeout=_CONFIRM_SECONDS
                )
                await message.ack()
                replayed.append(letter)
        return replayed

    async def drop(self, chosen: Chosen) -> list[DeadLetter]:
        """Remove the chosen ones for good."""
        dropped = []
        for letter, message in await self._take():
            if chosen(letter):
                await message.ack()
                dropped.append(letter)
        return dropped

    async def _take(self) -> list[tuple[DeadLetter, aio_pika.abc.AbstractIncomingMessage]]:
        queue = await self._channel.get_queue(DEAD, ensure=False)
        taken = []
        while (message := await queue.get(fail=False, timeout=10)) is not None:
            taken.append((_letter(message), message))
        return taken


@asynccontextmanager
async def dead_letters(bus_url: str) -> AsyncIterator[DeadLetters]:
    """Open a look at the dead letters; what was not replayed or dropped is back afterwards."""
    connection = await connect(bus_url, "dead letters")
    try:
        declaring = await connection.channel()
        await declare(declaring, [])
        yield DeadLetters(await connection.channel(publisher_confirms=True, on_return_raises=True))
    finally:
        await connection.close()


def _letter(message: aio_pika.abc.AbstractIncomingMessage) -> DeadLetter:
    headers = message.headers
    attempts = headers.get(ATTEMPT_HEADER, 0)
    return DeadLetter(
        message_id=message.message_id or "",
        queue=str(headers.get(QUEUE_HEADER) or headers.get("x-first-death-queue") or ""),
        error=str(headers.get(ERROR_HEADER) or headers.get("x-first-death-reason") or "unknown"),
        attempts=attempts if isinstance(attempts, int) else 0,
        body=message.body,
    )
