"""The inbox: a handler's effects and the id of the message it handled, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from shared.bus.port import Handler, Reject
from shared.database.pool import Database, DatabaseUnavailable, Transaction
from shared.events.envelope import Envelope
from shared.events.payloads import Payload
from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace

log = logger(__name__)

_REMEMBER = """
insert into public.inbox (consumer, message_id) select $1, unnest($2::uuid[])
on conflict do nothing returning message_id
"""
_LONGEST_WAIT = 5.0

PayloadType = TypeVar("PayloadType", bound=Payload)
Effect = Callable[[Transaction, Envelope, PayloadType], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Delivery(Generic[PayloadType]):
    """A message on its way through a handler."""

    envelope: Envelope
    data: PayloadType
    is_done: bool = False
    error: Exception | None = None


async def first_time(transaction: Transaction, consumer: str, envelope: Envelope) -> bool:
    """Remember that this consumer handled this message; False when it had before."""
    return bool(await transaction.fetch_value(_REMEMBER, consumer, [envelope.id]))


async def handled(transaction: Transaction, consumer: str, envelope: Envelope) -> bool:
    """Whether this consumer handled this message."""
    return bool(
        await transaction.fetch_value(
            "select true from public.inbox where consumer = $1 and message_id = $2", consumer, envelope.id
        )
    )


def read(envelope: Envelope, payload: type[PayloadType]) -> PayloadType:
    """The message's data as its model. Raises :class:`Reject`: no retry makes a malformed message well-formed."""
    try:
        return payload.model_validate(envelope.data)
    except ValidationError as error:
        raise Reject(f"{envelope.type} has malformed data: {error}") from error


def handled_once(database: Database, consumer: str, payload: type[PayloadType], effect: Effect[PayloadType]) -> Handler:
    """A bus handler that runs ``effect`` in a transaction, once for each message id whatever is redelivered.

    Messages that wait together share one transaction, in their order; when one of them fails, each gets its own.
    """
    waiting: list[_Delivery[PayloadType]] = []
    turn = asyncio.Lock()

    async def apply(deliveries: Sequence[_Delivery[PayloadType]]) -> None:
        async with database.transaction() as transaction:
            ids = sorted(delivery.envelope.id for delivery in deliveries)
            new = {row[0] for row in await transaction.fetch(_REMEMBER, consumer, ids)}
            for delivery in deliveries:
                if delivery.envelope.id in new:
                    new.remove(delivery.envelope.id)
                    with continue_trace(delivery.envelope.traceparent):
                        await effect(transaction, delivery.envelope, delivery.data)
                else:
                    log.info("redelivery dropped", consumer=consumer, event_id=str(delivery.envelope.id))

    async def apply_all(deliveries: Sequence[_Delivery[PayloadType]]) -> None:
        try:
            await apply(deliveries)
        except Exception as error:
            if len(deliveries) == 1:
                deliveries[0].error = error
            else:
                for delivery in deliveries:
                    await apply_all([delivery])
        for delivery in deliveries:
            delivery.is_done = True

    async def handle(envelope: Envelope) -> None:
        delivery = _Delivery(envelope, read(envelope, payload))
        waiting.append(delivery)
        try:
            async with turn:
                if not delivery.is_done:
                    await apply_all([entry for entry in waiting if not entry.is_done])
        finally:
            waiting.remove(delivery)
        if delivery.error is not None:
            raise delivery.error

    return patient(handle)


def patient(handler: Handler) -> Handler:
    """Wait out a database that is away, without using up the message's attempts."""

    async def handle(envelope: Envelope) -> None:
        wait = 0.2
        while True:
            try:
                return await handler(envelope)
            except DatabaseUnavailable as error:
                log.warning("handler waits for the database", event_id=str(envelope.id), error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    return handle
