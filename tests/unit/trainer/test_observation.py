"""A trial is watched by what its child says: given up at the epoch that shows it, however late that is heard."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from services.trainer.search.observation import Observation
from services.trainer.search.starting import Begun
from services.trainer.search.trial import Trial
from shared.jobs.lease import Claim
from shared.jobs.worker import Job
from shared.series.parameters.search import Search

OTHERS = [Trial(number, "trained", {}, [1.0] * 9, 1.0) for number in range(4)]


def _observed(kind: str = "Dense", *, pruning: bool = True) -> Observation:
    row: Any = {"trial": 4, "search_of": uuid4()}
    begun = Begun({"kind": kind}, Search(pruning=pruning), OTHERS, seconds_left=None)
    nothing: Any = None
    return Observation(nothing, nothing, Job(Claim("training_jobs", uuid4(), 1), row), begun)


def _tell(observation: Observation, *losses: float) -> None:
    for epoch, loss in enumerate(losses, 1):
        message = {
            "type": "progress",
            "phase": "training",
            "epoch": epoch,
            "epochs": 9,
            "loss": 1.0,
            "val_loss": loss,
            "fraction": epoch / 9,
        }
        observation.hear(message)


async def test_what_comes_after_the_epoch_that_shows_it_is_not_noted() -> None:
    observation = _observed()

    _tell(observation, 5.0, 5.0, 5.0, 0.1, 0.1)

    assert observation.verdict.done()
    assert observation.curve == [5.0, 5.0, 5.0]


async def test_a_trial_that_is_good_enough_goes_on() -> None:
    observation = _observed()

    _tell(observation, 5.0, 0.5, 5.0, 5.0)

    assert not observation.verdict.done()
    assert observation.curve == [5.0, 0.5, 5.0, 5.0]


async def test_without_pruning_nothing_is_given_up() -> None:
    observation = _observed(pruning=False)

    _tell(observation, 5.0, 5.0, 5.0)

    assert not observation.verdict.done()


async def test_the_child_that_follows_a_killed_one_begins_its_curve_anew() -> None:
    observation = _observed(pruning=False)

    _tell(observation, 3.0, 2.0, 1.0)
    _tell(observation, 3.0)

    assert observation.curve == [3.0]


async def test_a_kind_without_epochs_has_no_curve_and_is_never_given_up() -> None:
    observation = _observed("LightGBM")

    _tell(observation, 5.0, 5.0, 5.0)

    assert observation.curve == []
    assert not observation.verdict.done()
