"""One percent for a whole run, which never goes back."""

from __future__ import annotations

from typing import Any

from services.notifier.run_progress import RunProgress
from shared.events.envelope import Envelope, event_type


def said(name: str, **data: Any) -> Envelope:
    return Envelope(source="/t", type=event_type(name), subject="s", data={"session_id": "s", **data})


def started(*jobs: str) -> Envelope:
    return said("training.started", run_id="r", jobs=[{"job_id": job, "model": "m", "target": "t"} for job in jobs])


def test_f78_it_is_the_mean_of_all_jobs_and_ends_at_100() -> None:
    run = RunProgress()
    assert run.percent is None
    told = []
    for envelope in (
        started("a", "b"),
        said("progress", job_id="a", phase="training", progress=50.0),
        said("progress", job_id="a", phase="training", progress=20.0),
        said("progress", job_id="elsewhere", phase="training", progress=99.0),
        said("model.trained", job_id="a"),
        said("results.stored", job_id="a"),
        said("progress", job_id="b", phase="training", progress=10.0),
        said("model.failed", job_id="b"),
    ):
        run.hear(envelope)
        told.append(run.percent)
    assert told == [0, 25, 25, 25, 25, 50, 55, 100]


def test_who_comes_in_the_middle_begins_with_what_the_database_has() -> None:
    run = RunProgress({"a": 100.0, "b": 50.0})
    assert run.percent == 75


def test_a_new_run_begins_anew() -> None:
    run = RunProgress({"a": 100.0})
    run.hear(started("c", "d"))
    assert run.percent == 0
