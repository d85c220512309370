"""When a delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from services.notifier.webhooks.outcome import Outcome, asked_pause, wait_before_next
from shared.settings import Settings

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
SCHEDULE = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def failed(status: int | None = 500, pause: float | None = None) -> Outcome:
    return Outcome(NOW, 0.1, status_code=status, pause_seconds=pause)


def test_the_schedule_is_the_standards_ten_attempts_over_three_days() -> None:
    delays = Settings.model_fields["webhook_delays_seconds"].get_default(call_default_factory=True)
    assert delays == SCHEDULE
    assert timedelta(seconds=sum(SCHEDULE)) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("tries", range(1, 10))
def test_each_attempt_waits_its_time_a_tenth_more_or_less(tries: int) -> None:
    planned = SCHEDULE[tries - 1]
    waits = [wait_before_next(failed(), tries, SCHEDULE) or 0 for _ in range(200)]
    assert all(0.9 * planned <= wait <= 1.1 * planned for wait in waits)
    assert max(waits) - min(waits) > 0.1 * planned


def test_the_tenth_failure_is_the_last() -> None:
    assert wait_before_next(failed(), 10, SCHEDULE) is None
    assert wait_before_next(failed(), 11, SCHEDULE) is None


def test_a_pause_that_was_asked_for_is_kept_to_and_never_shortens_the_schedule() -> None:
    assert wait_before_next(failed(503, 7200.0), 1, SCHEDULE) == 7200.0
    assert (wait_before_next(failed(503, 1.0), 2, SCHEDULE) or 0) >= 270


def test_who_is_gone_is_not_tried_again() -> None:
    assert wait_before_next(failed(410), 1, SCHEDULE) is None


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_success(status: int) -> None:
    assert failed(status).is_success


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 304, 308, 400, 404, 410, 429, 500, 599])
def test_nothing_else_is(status: int | None) -> None:
    assert not failed(status).is_success


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (429, format_datetime(NOW + timedelta(minutes=3), usegmt=True), 180),
        (503, format_datetime(NOW - timedelta(minutes=3), usegmt=True), 0),
        (429, "Sun, 22 Nov 2026 06:01:00 -0000", 60),
        (429, "9" * 400, 86400),
        (429, None, None),
        (429, "soon", None),
        (429, "-5", None),
        (429, "²", None),
        (429, "Sun, 22 Nov 2026 06:01:00 +9999999999999", None),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_retry_after_is_read_as_rfc_9110_has_it(status: int, header: str | None, seconds: float | None) -> None:
    assert asked_pause(status, header, NOW) == seconds
