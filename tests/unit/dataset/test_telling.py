"""What is told of a dataset that is made."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from services.dataset.telling import part_told, telling_of
from shared.jobs.lease import Claim
from shared.jobs.worker import Job
from tests.unit.runtime.hearing import HearingSender


def test_f78_the_parts_follow_each_other_without_a_gap_from_nothing_to_all() -> None:
    row: Any = {"session_id": "s", "user_id": uuid4()}
    sender: Any = HearingSender()
    job = Job(Claim("training_datasets", uuid4(), 1), row)
    telling = telling_of(job, sender)
    for part in ("fetching", "windowing", "scaling", "plots", "storing"):
        for share in (0.0, 0.5, 1.0):
            part_told(telling, part)(share)
    percents = [percent for _, percent in sender.steps()]
    assert (percents, percents[0], percents[-1]) == (sorted(percents), 0.0, 100.0)
    assert all(percents[end] == percents[end + 1] for end in (2, 5, 8, 11)), "a part begins where the last one ended"
    assert list(dict.fromkeys(phase for phase, _ in sender.steps())) == ["windowing", "scaling", "storing"]
    assert {one.job_id for one in sender.told} == {job.claim.job_id}
    assert job.progress == 100.0
    assert set(job.detail) == {"eta_seconds"}
