#!/usr/bin/env python3
"""Print what a Foretide says, one line of JSON for each event, each event once, through restarts of the broker.

Nothing is known here but an address of its AsyncAPI document and a broker URL: exchange, routing key, log and the shape
of the messages are read from the document. Needs Python 3.11 and: pip install -r requirements.txt
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import urllib.request
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aiormq.exceptions import AMQPError, ChannelAccessRefused, ChannelPreconditionFailed, ProbableAuthenticationError
from jsonschema import Draft202012Validator, ValidationError

OFFSET = "x-stream-offset"
PREFETCH = 100
# How often a message may come back because this program ended with it in hand, before it is put aside.
DELIVERY_LIMIT = 100
REMEMBERED_IDS = 100_000
# How far the clocks of Foretide and the broker may be apart, and events out of the order of their times.
CLOCK_TOLERANCE = timedelta(minutes=1)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 10.0
# What waiting does not mend: a wrong password, a right that is missing, a queue that is declared otherwise.
HOPELESS = (ProbableAuthenticationError, ChannelAccessRefused, ChannelPreconditionFailed)

Event = dict[str, Any]
# Deliveries in the order in which they came; None: no more will come.
Arrivals = asyncio.Queue[AbstractIncomingMessage | None]


@dataclass(frozen=True)
class Contract:
    """What the document says about one event."""

    exchange: str
    routing_key: str
    log: str
    schema: Draft202012Validator

    @classmethod
    def read(cls, url: str, event: str) -> Contract:
        with urllib.request.urlopen(url, timeout=30) as answer:
            document = json.load(answer)
        channels = document["channels"]
        events = {
            channel["title"]: (name, channel)
            for name, channel in channels.items()
            if channel["bindings"]["amqp"]["is"] == "routingKey"
        }
        if event not in events:
            raise SystemExit(f"{event!r} is not in the document. It has: {', '.join(sorted(events))}")
        name, channel = events[event]
        logs = (c for c in channels.values() if c["bindings"]["amqp"]["is"] == "queue" and name in c["messages"])
        log = next(logs, None)
        if log is None:
            raise SystemExit(f"{event!r} is not kept in a log: it cannot be listened to from outside.")
        message = next(iter(channel["messages"].values()))["$ref"].rpartition("/")[2]
        schema = {"$ref": f"#/components/messages/{message}/payload", "components": document["components"]}
        exchange = channel["bindings"]["amqp"]["exchange"]["name"]
        queue = log["bindings"]["amqp"]["queue"]["name"]
        return cls(exchange, channel["address"], queue, Draft202012Validator(schema))


class Reader:
    """Reads bodies and prints each event once. Who does more than print stores the id together with the effect."""

    def __init__(self, schema: Draft202012Validator) -> None:
        self._schema = schema
        self._printed: dict[str, None] = {}

    def read(self, body: bytes) -> Event | None:
        """The event, or None and a complaint where it is not what the document promises."""
        try:
            event = json.loads(body)
            self._schema.validate(event)
        except (ValueError, ValidationError) as error:
            tell(f"Not as the document says, put aside: {str(error).splitlines()[0]}")
            return None
        found: Event = event
        return found

    def show(self, event: Event) -> None:
        if event["id"] in self._printed:
            return
        print(json.dumps(event, ensure_ascii=False, separators=(",", ":")), flush=True)
        self._printed[event["id"]] = None
        if len(self._printed) > REMEMBERED_IDS:
            del self._printed[next(iter(self._printed))]


class Subscriber:
    """A durable queue of its own and, where the past is asked for, the log up to where that queue begins."""

    def __init__(self, contract: Contract, queue: str, since: datetime | None) -> None:
        self._contract = contract
        self._queue = queue
        self._reader = Reader(contract.schema)
        self._replay = Replay(contract, self._reader, since) if since else None

    async def run(self, broker: str) -> None:
        """For ever: a connection that is lost is made again."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                async with await aio_pika.connect(broker) as connection:
                    wait = FIRST_WAIT_SECONDS
                    await self._listen(connection)
                tell("The subscription ended; it is made again.")
            except HOPELESS as error:
                raise SystemExit(f"The broker refuses: {error}") from error
            except (AMQPError, OSError, RuntimeError, asyncio.CancelledError) as error:
                # The client cancels whoever waits for an answer when its channel closes; a real one passes on.
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                tell(f"Not listening ({error or type(error).__name__}); next try in {wait:g} s.")
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _listen(self, connection: AbstractConnection) -> None:
        """Until the subscription ends, as it does with its connection or its queue."""
        arrivals: Arrivals = asyncio.Queue()
        queue = await self._declare(await connection.channel())
        # What came to the queue while the log is read: not acknowledged, so the broker keeps it.
        held: deque[tuple[AbstractIncomingMessage, Event]] = deque()
        if self._replay:
            # First: where the log is away, nothing is taken from the queue in vain.
            await self._replay.find(connection)
        await consume(queue, arrivals)
        if self._replay and not queue.declaration_result.message_count:
            await self._replay.begin(arrivals)
        tell(f"Listening to {self._contract.routing_key} on the queue {self._queue}.")
        while message := await arrivals.get():
            if OFFSET in message.headers:
                if self._replay:
                    self._replay.take(message)
                await message.ack()
            elif event := self._reader.read(message.body):
                held.append((message, event))
            else:
                await message.reject(requeue=False)
            if self._replay and held and self._replay.has_reached(held[0][1]):
                await self._replay.end()
                self._replay = None
            elif self._replay:
                await self._replay.begin(arrivals)
            while held and not self._replay:
                message, event = held.popleft()
                self._reader.show(event)
                await message.ack()

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        """The queue, and another one for what cannot be read. Both stay when this program goes."""
        dead = f"{self._queue}.dead"
        # Not the default exchange: the right to write to that one is the right to write into every queue.
        dead_exchange = await channel.declare_exchange(dead, "fanout", durable=True)
        dead_queue = await channel.declare_queue(dead, durable=True, arguments={"x-queue-type": "quorum"})
        await dead_queue.bind(dead_exchange)
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": dead,
        }
        queue = await channel.declare_queue(self._queue, durable=True, arguments=arguments)
        await queue.bind(self._contract.exchange, self._contract.routing_key)
        return queue


class Replay:
    """The log from a moment on. It ends at the event with which the queue begins: from there on the queue has all."""

    def __init__(self, contract: Contract, reader: Reader, since: datetime) -> None:
        self._contract = contract
        self._reader = reader
        self._since = since
        self._next: int | None = None
        self._began: datetime | None = None
        self._passed: set[str] = set()
        self._log: AbstractQueue | None = None
        self._consumer: str | None = None

    async def find(self, connection: AbstractConnection) -> None:
        """On a new connection."""
        self._consumer = None
        self._log = await (await connection.channel()).get_queue(self._contract.log)

    async def begin(self, arrivals: Arrivals) -> None:
        """Read on where a lost connection ended, unless that was begun already.

        Where something waits in the queue, that has to be known first: it may be older than what is asked for.
        """
        if self._log is not None and self._consumer is None:
            offset = self._since - CLOCK_TOLERANCE if self._next is None else self._next
            self._consumer = await consume(self._log, arrivals, {OFFSET: offset})

    def take(self, message: AbstractIncomingMessage) -> None:
        """Print it where it was asked for. The log has events of every kind, and some from before the moment."""
        offset = message.headers[OFFSET]
        assert isinstance(offset, int)
        self._next = offset + 1
        self._began = self._began or time_in(message.body)
        if message.routing_key == self._contract.routing_key and (event := self._reader.read(message.body)):
            self._passed.add(event["id"])
            if time_of(event) >= self._since:
                self._reader.show(event)

    def has_reached(self, first: Event) -> bool:
        """Whether the queue, which begins with this event, has all that the log still has."""
        begin = max(self._since, self._began or self._since)
        return first["id"] in self._passed or time_of(first) < begin - CLOCK_TOLERANCE

    async def end(self) -> None:
        if self._log is not None and self._consumer is not None:
            await self._log.cancel(self._consumer)


async def consume(queue: AbstractQueue, arrivals: Arrivals, arguments: dict[str, Any] | None = None) -> str:
    """Put what the queue delivers into ``arrivals``, and None when the channel or the queue goes away."""
    await queue.channel.set_qos(prefetch_count=PREFETCH)
    queue.channel.close_callbacks.add(lambda *_: arrivals.put_nowait(None))
    underlay = await queue.channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(lambda _: arrivals.put_nowait(None))
    return await queue.consume(arrivals.put, arguments=arguments)


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event["time"])


def time_in(body: bytes) -> datetime | None:
    """When any event happened, of whatever kind it is."""
    with suppress(ValueError, TypeError, KeyError):
        return time_of(json.loads(body))
    return None


def moment(text: str) -> datetime:
    """``7d``, ``12h``, ``30m`` ago, or a time (UTC where it names no zone)."""
    if ago := re.fullmatch(r"(\d+)([dhm])", text):
        unit = {"d": "days", "h": "hours", "m": "minutes"}[ago[2]]
        return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("document", help="address of the AsyncAPI document: http://…/asyncapi.json")
    parser.add_argument("--broker", default=os.environ.get("BROKER_URL"), help="amqp(s)://… (default: $BROKER_URL)")
    parser.add_argument("--event", default="results.stored", help="which event (default: %(default)s)")
    parser.add_argument("--queue", help="a durable queue: what comes while you are away waits there (outside.EVENT)")
    parser.add_argument("--since", type=moment, help="first what the log has from then on: 7d, 12h, 30m or a time")
    given = parser.parse_args()
    if not given.broker:
        parser.error("--broker or BROKER_URL is needed")
    subscriber = Subscriber(
        Contract.read(given.document, given.event), given.queue or f"outside.{given.event}", given.since
    )
    with suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(subscriber.run(given.broker))


if __name__ == "__main__":
    main()
