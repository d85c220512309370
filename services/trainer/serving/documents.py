"""What forecasts and keys look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from shared.web.documents import Document


class Interval(Document):
    """Between these bounds the truth lies with a probability of ``level``, by what was seen in training."""

    level: float
    lower: list[float]
    upper: list[float]


class TargetForecast(Document):
    """One target's forecast, a value for each of its steps."""

    target: str
    unit: str | None
    model: str
    job_id: UUID
    run_id: UUID
    step_minutes: float
    averaged: bool = Field(description="True where every value is the mean over all of the times.")
    reference_time: str = Field(description="The moment that was forecast from, ISO 8601, UTC.")
    times: list[str] = Field(description="ISO 8601, UTC.")
    local_times: list[str] = Field(description="The same in the configuration's time zone.")
    timezone: str
    values: list[float] = Field(description="In the target's own unit.")
    median: list[float] | None = Field(description="Without the bias that the validation part showed.")
    intervals: list[Interval] | None = Field(
        description="The widest first; null where the validation part was too short to calibrate them on."
    )
    calibrated_on: int = Field(description="Windows of the validation part.")


class ForecastAnswer(Document):
    """All targets, or the one that was asked for."""

    session_id: str
    forecasts: list[TargetForecast]


class NewKey(Document):
    """A key to be made."""

    name: str = Field(default="key", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
    expires_in_days: int = Field(default=90, ge=1, le=3650)


class KeyDocument(Document):
    """What is known of a key; the key itself is not."""

    key_id: UUID
    name: str
    prefix: str = Field(description="How the key begins, to tell it from others.")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    active: bool


class MadeKey(KeyDocument):
    """A new key, with the key itself: here alone, and never again."""

    key: str | None = Field(
        description="Send it as X-API-Key. Null where a repeated request (Idempotency-Key) gets the same answer."
    )


class KeyList(Document):
    """All keys of a session, the newest first."""

    keys: list[KeyDocument]
