"""The time that a run still takes, from what its jobs say."""

from __future__ import annotations

from typing import Any

import pytest

from shared.sessions.status import training_progress


def job(status: str, progress: float, eta_seconds: float | None = None) -> Any:
    return {"status": status, "progress": progress, "detail": {"eta_seconds": eta_seconds}}


def test_jobs_that_run_beside_each_other_take_as_long_as_the_longest() -> None:
    jobs = [job("running", 50.0, 30.0), job("running", 70.0, 10.0)]
    assert training_progress(jobs, 40.0) == (60.0, 30.0)


def test_jobs_that_wait_take_time_too() -> None:
    jobs = [job("trained", 97.0), job("running", 50.0, 30.0), job("queued", 0.0), job("queued", 0.0)]
    progress, seconds = training_progress(jobs, 90.0)
    assert progress == 37.5
    assert seconds == pytest.approx(90.0 / 37.5 * 62.5)


@pytest.mark.parametrize("status", ["queued", "trained", "failed", "cancelled"])
def test_what_an_attempt_said_that_has_ended_counts_no_more(status: str) -> None:
    assert training_progress([job(status, 50.0, 30.0)], 10.0)[1] is None


def test_nothing_is_known_before_a_job_says_so_and_without_jobs() -> None:
    assert training_progress([job("running", 0.0), job("queued", 0.0)], 10.0) == (0.0, None)
    assert training_progress([], 10.0) == (0.0, None)
