"""What webhooks and their deliveries look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.notifier.webhooks.addresses import LONGEST_URL
from shared.web.documents import Document

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_URL)]
Description = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
EventNames = Annotated[list[EventName], Field(min_length=1, max_length=100)]
_EVENT_TYPES = "Names of events, as /asyncapi has them; null: every numbered one, those of later versions included."


class NewWebhook(Document):
    """A webhook to be made."""

    url: Url
    event_types: EventNames | None = Field(default=None, description=_EVENT_TYPES)
    description: Description = ""
    active: bool = True


class ChangedWebhook(Document):
    """What of a webhook is to be another; what is not there stays."""

    url: Url | None = None
    event_types: EventNames | None = Field(default=None, description=_EVENT_TYPES)
    description: Description | None = None
    active: bool | None = Field(default=None, description="True also forgets the failures so far.")


class WebhookDocument(Document):
    """A webhook, without its secret."""

    webhook_id: UUID
    url: str
    event_types: list[str] | None = Field(description=_EVENT_TYPES)
    description: str
    active: bool
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="Why Foretide made it inactive; null where its owner did.")
    failing_since: datetime | None = Field(description="Since when no attempt has succeeded, of those that were made.")
    held_until: datetime | None = Field(description="Its receiver asked for a pause until then (Retry-After).")
    created_at: datetime
    updated_at: datetime


class MadeWebhook(WebhookDocument):
    """A new webhook, with its secret: here alone, and never again."""

    secret: str | None = Field(
        description="`whsec_…`. Null where a repeated request (Idempotency-Key) gets the same answer."
    )


class RotatedSecret(Document):
    """The new secret, here alone; the one before it signs as well until ``previousExpiresAt``."""

    webhook_id: UUID
    secret: str | None = Field(description="Null where a repeated request (Idempotency-Key) gets the same answer.")
    previous_expires_at: datetime


class AttemptDocument(Document):
    """One attempt at a delivery."""

    number: int
    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None = Field(description="Why there is no status code, or why it is no success.")
    answer: str | None = Field(description="The first kilobyte of the answer's body.")


class DeliveryDocument(Document):
    """One event for one webhook, and every attempt at it: the newest 20."""

    delivery_id: UUID
    event_id: UUID = Field(description="The header `webhook-id`.")
    event_type: str
    subject: str = Field(description="The session that the event is of.")
    status: Literal["pending", "delivered", "failed", "cancelled"]
    attempts: list[AttemptDocument]
    next_attempt_at: datetime | None
    created_at: datetime
