"""What came of an attempt, and what follows from it: pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_SECONDS = 86400.0
_JITTER = 0.1
_GONE = 410
_ASKS_FOR_A_PAUSE = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt: either a status code, or an error without one. ``answer`` is the beginning of the answer's body."""

    started_at: datetime
    duration_seconds: float
    status_code: int | None = None
    error: str | None = None
    answer: str | None = None
    pause_seconds: float | None = None
    """What ``Retry-After`` asks for, where the status is one that goes with it."""

    @property
    def is_success(self) -> bool:
        """Only 2xx: who answers with a redirect should give the other address to the webhook."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        """The receiver never wants to hear again."""
        return self.status_code == _GONE


def wait_before_next(outcome: Outcome, tries: int, delays: Sequence[float]) -> float | None:
    """Seconds until the next attempt after ``tries`` failed ones; None where that was the last.

    A tenth more or less by chance, so that what failed together is not tried together again; a pause that the
    receiver asked for is kept to.
    """
    if outcome.is_gone or tries > len(delays):
        return None
    planned = delays[tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    return max(planned, outcome.pause_seconds or 0.0)


def asked_pause(status_code: int, retry_after: str | None, now: datetime) -> float | None:
    """Seconds, a day at most, from ``Retry-After`` as RFC 9110 section 10.2.3 has it; None where nothing is asked."""
    if status_code not in _ASKS_FOR_A_PAUSE or retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:10])
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)
