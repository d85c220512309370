"""Names and arguments of everything on the broker: pure data, declared by ``shared.bus.rabbit``.

All is durable or exclusive, as brokers from 4.3 on demand; work queues are quorum queues.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

EVENTS = "foretide.events"
COMMANDS = "foretide.commands"
PROGRESS = "foretide.progress"
DEAD = "foretide.dead"
LOG = "foretide.log"

ATTEMPT_HEADER = "x-foretide-attempt"
QUEUE_HEADER = "x-foretide-queue"
ERROR_HEADER = "x-foretide-error"
# RabbitMQ's: where a consumer of the log begins, and, as a header, which message it got.
OFFSET_ARGUMENT = "x-stream-offset"

# Only a guard against deliveries that kill their consumer; ordinary retries are counted by ATTEMPT_HEADER.
CRASH_DELIVERY_LIMIT = 20
# Listing dead letters returns them to the queue; from RabbitMQ 4 on a queue without a limit gets one of 20.
UNLIMITED_DELIVERIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "direct", "fanout"]


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and what is bound to it, as ``(exchange, routing key)``."""

    name: str
    arguments: dict[str, Any]
    bindings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One service's work queue for one kind of message."""

    service: str
    message: str
    kind: Literal["event", "command"]

    @property
    def queue(self) -> str:
        """``foretide.<service>.<message>``."""
        return f"foretide.{self.service}.{self.message}"


SUBSCRIPTIONS: tuple[Subscription, ...] = (
    Subscription("upload", "session.delete", "command"),
    Subscription("dataset", "dataset.generate", "command"),
    Subscription("dataset", "session.deleted", "event"),
    Subscription("trainer", "datasets.generated", "event"),
    Subscription("trainer", "training.start", "command"),
    Subscription("trainer", "training.cancel", "command"),
    Subscription("trainer", "model.train", "command"),
    Subscription("trainer", "session.deleted", "event"),
    Subscription("trainer", "training.completed", "event"),
    Subscription("results", "model.trained", "event"),
    Subscription("results", "model.failed", "event"),
    Subscription("results", "session.deleted", "event"),
    Subscription("results", "datasets.failed", "event"),
    Subscription("results", "training.started", "event"),
    Subscription("results", "training.completed", "event"),
    Subscription("results", "training.failed", "event"),
    Subscription("results", "training.cancelled", "event"),
    Subscription("results", "forecast.completed", "event"),
    Subscription("results", "forecast.failed", "event"),
)

EXCHANGES: tuple[Exchange, ...] = (
    Exchange(EVENTS, "topic"),
    Exchange(COMMANDS, "direct"),
    Exchange(PROGRESS, "topic"),
    Exchange(DEAD, "fanout"),
)


def retry_exchange(delay_seconds: int) -> Exchange:
    """Where a message waits this long; its routing key is the work queue that it comes back to."""
    return Exchange(f"foretide.retry.{delay_seconds}s", "fanout")


def waiting_queue(delay_seconds: int) -> Queue:
    """One queue per delay: a per-message expiry would block behind a longer one at the head."""
    name = retry_exchange(delay_seconds).name
    arguments = {
        "x-queue-type": "quorum",
        "x-message-ttl": delay_seconds * 1000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return Queue(name, arguments, ((name, ""),))


def work_queue(subscription: Subscription) -> Queue:
    """A quorum queue whose hopeless messages go to the dead letters."""
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": CRASH_DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    exchange = EVENTS if subscription.kind == "event" else COMMANDS
    return Queue(subscription.queue, arguments, ((exchange, subscription.message),))


def dead_letter_queue() -> Queue:
    """Where a message rests that could not be handled, until somebody replays or drops it."""
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED_DELIVERIES}
    return Queue(DEAD, arguments, ((DEAD, ""),))


def log_queue() -> Queue:
    """The event log: a stream of all events of a week, readable from any offset by anyone with a login."""
    arguments = {"x-queue-type": "stream", "x-max-age": "7D", "x-stream-max-segment-size-bytes": 50_000_000}
    return Queue(LOG, arguments, ((EVENTS, "#"),))


def all_queues(retry_delays: list[int]) -> list[Queue]:
    """Everything that must exist before the first message; the log, which a node may get back late, is apart."""
    waiting = [waiting_queue(delay) for delay in sorted(set(retry_delays))]
    return [dead_letter_queue(), *waiting, *(work_queue(entry) for entry in SUBSCRIPTIONS)]
