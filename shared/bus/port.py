"""What the rest of Foretide knows of the bus; ``shared.bus.rabbit`` is the one adapter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.bus.topology import Subscription
from shared.events.envelope import Envelope
from shared.problems import Category, ProblemError


class BusUnavailable(ProblemError):
    """The broker cannot be reached, or did not confirm in time. What was to be sent stays in the outbox."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            Category.BUS_UNAVAILABLE,
            title="The message bus is away",
            detail=detail,
            recovery=["Nothing is lost: what was accepted is sent when the bus is back."],
            retryable=True,
        )


class Reject(Exception):
    """Raised by a handler: this message can never be handled; it becomes a dead letter at once."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message ready to go; ``body`` is a CloudEvents envelope in JSON."""

    exchange: str
    routing_key: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled, as ``foretide dead`` shows it."""

    message_id: str
    queue: str
    error: str
    attempts: int
    body: bytes


Handler = Callable[[Envelope], Awaitable[None]]
"""Returns when the message's effect is committed. Any exception means: not handled."""

GiveUp = Callable[[Envelope, BaseException], Awaitable[None]]
"""Told when a message becomes a dead letter, to bring what waits for it to an end."""


class Consumer(Protocol):
    """A running subscription."""

    async def pause(self) -> None:
        """Take no further messages until ``resume``; the one being handled is not affected."""
        ...

    async def resume(self) -> None:
        """Take messages again."""
        ...


class Bus(Protocol):
    """Publish with confirmation; consume with retries that are counted and waited for."""

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[Exception | None]:
        """Send in order; answer for each message None (confirmed by the broker) or why it was not."""
        ...

    async def publish_progress(self, envelope: Envelope) -> None:
        """Send something transient, at most once; never blocks on, nor fails with, an absent broker."""
        ...

    def subscribe(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        prefetch: int = 10,
        give_up: GiveUp | None = None,
    ) -> Consumer:
        """Handle one work queue's messages; call before ``start``."""
        ...

    def listen(self, handler: Handler) -> None:
        """Hear every event and all progress on a queue of this process alone; call before ``start``."""
        ...

    async def start(self) -> None:
        """Begin consuming in the background; an absent broker is waited for."""
        ...

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Stop taking messages, let running handlers end, close."""
        ...

    def ready(self) -> bool:
        """True while connected with every consumer in place."""
        ...
