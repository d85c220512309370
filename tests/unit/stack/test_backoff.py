"""Waiting before a part that died is started again."""

from __future__ import annotations

from foretide.stack.backoff import Backoff


def test_waits_double_up_to_ten_seconds() -> None:
    backoff = Backoff()

    waits = [backoff.after(lived_seconds=0.1) for _ in range(8)]

    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_part_that_lived_for_half_a_minute_is_started_at_once_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(lived_seconds=29.9)

    assert backoff.after(lived_seconds=30.0) == 0.2
    assert backoff.after(lived_seconds=0.0) == 0.4
