"""A run with a limit of time on a real worker: its model is what could be trained until then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.replicas import Replica
from tests.integration.training import artifact, ended
from tests.integration.trainings.trainer import Trainer

pytestmark = pytest.mark.integration

ENDLESS = {"kind": "LightGBM", "trees": 10_000, "patience": 10_000, "leaves": 7, "time_limit_seconds": 86400}


async def test_a_runs_limit_ends_training_and_what_was_learned_by_then_is_kept(
    trainer: Trainer, workers: Callable[..., Replica]
) -> None:
    await workers("worker").answers()
    owned = await trainer.start(ENDLESS, timeLimitSeconds=20)

    job = await ended(trainer.database, owned)

    assert job["detail"]["warnings"] == ["The time limit ended 24 of 24 boosters early."]
    assert (await artifact(trainer.store, job, "evaluation"))["headline"]["rmse"] is not None
