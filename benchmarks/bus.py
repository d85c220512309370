"""Events per second and latency from outbox over the bus to inbox, beside bare aio-pika in the same run.

    python -m benchmarks.bus [--events 4000]

Both sides use one process, quorum queues, persistent messages and publisher confirms on the same private broker.
Bare aio-pika publishes and acknowledges; Foretide commits each event with its state change in one transaction, relays
it, and commits each effect with its inbox mark in another. Rounds alternate; ratios are of medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import aio_pika
import uvloop

from foretide.stack.servers import LocalServers
from shared.bus.rabbit import RabbitBus
from shared.bus.topology import Subscription
from shared.database.migrate import migrate
from shared.database.pool import Database, Transaction
from shared.delivery import outbox
from shared.delivery.inbox import handled_once
from shared.delivery.relay import Relay
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import ModelFailed
from shared.problems import Category, ProblemError
from shared.telemetry.logs import configure_logging

SUBSCRIPTION = Subscription("results", "model.failed", "event")
_IN_FLIGHT = 50
_SESSIONS = 50
_ROUNDS = 3
_IDLE_EVENTS = 200
_IDLE_GAP_SECONDS = 0.02


class Platform:
    """Outbox, relay, bus and inbox, as a service has them."""

    def __init__(self, servers: LocalServers) -> None:
        self.database = Database(servers.database_url, pool_size=8)
        self.bus = RabbitBus(servers.bus_url, name="benchmark", retry_delays=[1, 10, 60])
        self.relay = Relay(self.database, self.bus)
        self.database.on_messages = self.relay.wake
        self.arrived: dict[str, float] = {}
        self.sessions = [str(uuid4()) for _ in range(_SESSIONS)]
        self.user_id = uuid4()

    async def start(self) -> None:
        """Open everything and make the sessions that the events belong to."""
        await self.database.open()
        handler = handled_once(self.database, SUBSCRIPTION.queue, ModelFailed, self._effect)
        self.bus.subscribe(SUBSCRIPTION, handler, prefetch=_IN_FLIGHT)
        await self.bus.start()
        await self.relay.start()
        async with self.database.transaction() as transaction:
            await transaction.execute_many(
                "insert into public.training_sessions (session_id, user_id, name) values ($1, $2, 'benchmark')",
                [(session_id, self.user_id) for session_id in self.sessions],
            )
        while not self.bus.ready():
            await asyncio.sleep(0.05)
        # The first event waits for the relay to become leader; it is not measured.
        await self.record(0)
        await self.until(1)

    async def stop(self) -> None:
        """Close everything."""
        await self.bus.stop()
        await self.relay.stop()
        await self.database.close()

    async def record(self, number: int) -> str:
        """One state change and its event, in one transaction; the event's id."""
        session_id = self.sessions[number % _SESSIONS]
        async with self.database.transaction() as transaction:
            message_id = await outbox.record(
                transaction, _event(session_id), source="benchmark", session_id=session_id, user_id=self.user_id
            )
        return str(message_id)

    async def until(self, count: int) -> None:
        """Wait until that many effects are committed, then begin counting anew."""
        while len(self.arrived) < count:
            await asyncio.sleep(0.001)
        self.arrived.clear()

    async def _effect(self, transaction: Transaction, envelope: Envelope, event: ModelFailed) -> None:
        await transaction.execute(
            "update public.training_sessions set version = version + 1 where session_id = $1", event.session_id
        )
        self.arrived[str(envelope.id)] = time.perf_counter()

    async def throughput(self, events: int) -> float:
        """Events per second from the first transaction to the last effect."""
        numbers = iter(range(events))

        async def produce() -> None:
            for number in numbers:
                await self.record(number)

        began = time.perf_counter()
        await asyncio.gather(*(produce() for _ in range(_IN_FLIGHT)))
        await self.until(events)
        return events / (time.perf_counter() - began)

    async def idle_latencies(self) -> list[float]:
        """Milliseconds from the start of the recording transaction to the effect, one event at a time."""
        latencies = []
        for number in range(_IDLE_EVENTS):
            began = time.perf_counter()
            message_id = await self.record(number)
            while message_id not in self.arrived:
                await asyncio.sleep(0.0005)
            latencies.append((self.arrived[message_id] - began) * 1e3)
            await asyncio.sleep(_IDLE_GAP_SECONDS)
        self.arrived.clear()
        return latencies


async def bare_throughput(bus_url: str, events: int) -> float:
    """Bare aio-pika: publish with confirms, consume, acknowledge; messages per second."""
    body = Envelope(
        source="/benchmark", type=event_type("model.failed"), subject="s", data=_event("s").model_dump(mode="json")
    ).to_bytes()
    connection = await aio_pika.connect(bus_url)
    async with connection:
        publishing, consuming = await connection.channel(), await connection.channel()
        await consuming.set_qos(prefetch_count=_IN_FLIGHT)
        name = f"bare.{uuid4().hex}"
        queue = await consuming.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        done = asyncio.Event()
        received = 0

        async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            nonlocal received
            await message.ack()
            received += 1
            if received == events:
                done.set()

        await queue.consume(on_message)
        numbers = iter(range(events))

        async def produce() -> None:
            for _ in numbers:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await publishing.default_exchange.publish(message, name)

        began = time.perf_counter()
        await asyncio.gather(*(produce() for _ in range(_IN_FLIGHT)))
        await done.wait()
        seconds = time.perf_counter() - began
        await queue.delete(if_unused=False, if_empty=False)
    return events / seconds


async def run(events: int) -> dict[str, float]:
    """Alternate rounds of both; the figures."""
    with tempfile.TemporaryDirectory(prefix="foretide-benchmark-") as folder:
        async with LocalServers(Path(folder)) as servers:
            await migrate(servers.database_superuser_url, authenticator_password=servers.authenticator_password)
            platform = Platform(servers)
            await platform.start()
            ours, bare = [], []
            for _ in range(_ROUNDS):
                bare.append(await bare_throughput(servers.bus_url, events))
                ours.append(await platform.throughput(events))
            latencies = sorted(await platform.idle_latencies())
            await platform.stop()
    return {
        "throughput_ratio": round(statistics.median(ours) / statistics.median(bare), 3),
        "events_per_second": round(statistics.median(ours)),
        "bare_aio_pika_per_second": round(statistics.median(bare)),
        "idle_p50_ms": round(latencies[len(latencies) // 2], 2),
        "idle_p99_ms": round(latencies[int(len(latencies) * 0.99)], 2),
        "events": events,
        "rounds": _ROUNDS,
    }


def _event(session_id: str) -> ModelFailed:
    problem = ProblemError(Category.CANCELLED, title="benchmark", detail="benchmark").problem
    return ModelFailed(
        session_id=session_id, run_id=uuid4(), job_id=uuid4(), model="Linear", target="load", problem=problem
    )


def main() -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000, help="events in each round")
    arguments = parser.parse_args()
    configure_logging("benchmark", level="WARNING", log_format="text")
    print(json.dumps(uvloop.run(run(arguments.events))))


if __name__ == "__main__":
    main()
