"""What is told of a model's job: over its phases, its attempts and a search before it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.trainer.telling import ModelTelling
from shared.events.payloads import MODEL_TRAINED_PERCENT
from shared.jobs.lease import Claim
from shared.jobs.worker import Job
from tests.unit.runtime.hearing import HearingSender


def told_of(*, progress: float = 0.0, search: Any = None) -> tuple[ModelTelling, HearingSender, Job]:
    row: Any = {"session_id": "s", "user_id": uuid4(), "model": "Dense", "target": "load", "search": search}
    sender: Any = HearingSender()
    job = Job(Claim("training_jobs", uuid4(), 1), row, progress=progress)
    return ModelTelling(job, sender), sender, job


def child_says(phase: str, fraction: float, **losses: Any) -> dict[str, Any]:
    return {"type": "progress", "phase": phase, "fraction": fraction, **losses}


def test_f78_after_early_stopping_the_phase_ends_where_it_should() -> None:
    telling, sender, job = told_of()
    telling.hear(child_says("training", 0.2, epoch=20, epochs=100, loss=0.5, val_loss=0.4))
    for phase, fraction in (("training", 1.0), ("evaluation", 0.0), ("evaluation", 1.0), ("saving", 1.0)):
        telling.hear(child_says(phase, fraction))
    telling.tell_part("storing", 1.0)
    assert sender.steps() == [
        ("training", 17.0),
        ("training", 85.0),
        ("evaluation", 85.0),
        ("evaluation", 94.0),
        ("storing", 95.0),
        ("storing", MODEL_TRAINED_PERCENT),
    ]
    assert (sender.told[0].epoch, sender.told[0].loss, sender.told[1].epoch) == (20, 0.5, None)
    assert (job.progress, job.detail["phase"], job.detail["epoch"]) == (MODEL_TRAINED_PERCENT, "storing", 20)


def test_f78_a_child_that_follows_a_killed_one_takes_nothing_back() -> None:
    telling, sender, job = told_of(progress=50.0)
    telling.hear(child_says("training", 0.1, epoch=1, epochs=10, loss=1.0, val_loss=None))
    assert (sender.steps(), job.progress) == ([("training", 50.0)], 50.0)


def test_the_time_left_of_the_last_attempt_is_not_told_as_this_ones() -> None:
    telling, _, job = told_of(progress=50.0)
    job.detail["eta_seconds"] = 1.0
    telling.tell_part("training", 0.0)
    assert job.detail["eta_seconds"] is None


def test_after_a_search_training_the_best_is_one_part_more() -> None:
    telling, sender, _ = told_of(search={"settings": {"trials": 4}})
    telling.tell_part("training", 0.0)
    telling.tell_part("storing", 1.0)
    percents = [percent for _, percent in sender.steps()]
    assert percents == pytest.approx([0.8 * MODEL_TRAINED_PERCENT, MODEL_TRAINED_PERCENT])
