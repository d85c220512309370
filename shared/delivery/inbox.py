"""The inbox: a handler's effects and the id of the message it handled, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError

from shared.bus.port import Handler, Reject
from shared.database.pool import Database, DatabaseUnavailable, Transaction
from shared.events.envelope import Envelope
from shared.events.payloads import Payload
from shared.telemetry.logs import logger

log = logger(__name__)

_REMEMBER = """
insert into public.inbox (consumer, message_id) values ($1, $2) on conflict do nothing returning true
"""
_LONGEST_WAIT = 5.0

PayloadType = TypeVar("PayloadType", bound=Payload)
Effect = Callable[[Transaction, Envelope, PayloadType], Awaitable[None]]


async def first_time(transaction: Transaction, consumer: str, envelope: Envelope) -> bool:
    """Remember that this consumer handled this message; False when it had before."""
    return bool(await transaction.fetch_value(_REMEMBER, consumer, envelope.id))


def read(envelope: Envelope, payload: type[PayloadType]) -> PayloadType:
    """The message's data as its model. Raises :class:`Reject`: no retry makes a malformed message well-formed."""
    try:
        return payload.model_validate(envelope.data)
    except ValidationError as error:
        raise Reject(f"{envelope.type} has malformed data: {error}") from error


def handled_once(database: Database, consumer: str, payload: type[PayloadType], effect: Effect[PayloadType]) -> Handler:
    """A bus handler that runs ``effect`` in a transaction, once for each message id whatever is redelivered."""

    async def handle(envelope: Envelope) -> None:
        data = read(envelope, payload)
        async with database.transaction() as transaction:
            if await first_time(transaction, consumer, envelope):
                await effect(transaction, envelope, data)
            else:
                log.info("redelivery dropped", consumer=consumer, event_id=str(envelope.id))

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
