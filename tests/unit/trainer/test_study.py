"""What a search tries next, what it gives up, and which trial it ends with."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from services.trainer.search.study import Medians, ask
from services.trainer.search.trial import State, Trial, best_of
from shared.series.parameters.search import Choices, Range, Space

SPACE: Space = {
    "units": Range(low=16, high=512, log=True),
    "learning_rate": Range(low=1e-4, high=1e-2, log=True),
    "activation": Choices(choices=["relu", "tanh"]),
}
GIVEN = {"units": 4096, "learning_rate": 0.001, "activation": "relu"}


def _searched(trials: int, *, seed: int = 1) -> list[Trial]:
    """One worker's: the loss is least for 64 units and a learning rate of 0.001."""
    done: list[Trial] = []
    for number in range(trials):
        asked = ask(SPACE, done, number=number, seed=seed) if number else GIVEN
        loss = abs(asked["units"] / 64 - 1) + abs(asked["learning_rate"] / 0.001 - 1)
        done.append(Trial(number, "trained", asked, value=loss))
    return done


def test_every_value_is_of_the_space_and_of_its_type() -> None:
    for trial in _searched(30)[1:]:
        assert trial.asked is not None
        assert set(trial.asked) == set(SPACE)
        assert all(SPACE[name].holds(value) for name, value in trial.asked.items())
        assert [type(trial.asked[name]) for name in SPACE] == [int, float, str]


def test_the_same_seed_tries_the_same_and_another_one_something_else() -> None:
    assert _searched(15) == _searched(15)
    assert _searched(15)[1:] != _searched(15, seed=2)[1:]


def test_later_trials_come_near_to_what_was_good() -> None:
    losses = [trial.value or 0.0 for trial in _searched(40)]

    assert sum(losses[30:]) / 10 < 0.5 * sum(losses[1:11]) / 10


def test_what_runs_elsewhere_is_known_and_not_tried_again() -> None:
    done = _searched(12)
    alone = ask(SPACE, done, number=12, seed=1)

    beside_it = ask(SPACE, [*done, Trial(12, "running", alone)], number=13, seed=1)

    assert beside_it != alone
    assert beside_it != ask(SPACE, done, number=13, seed=1)


def test_trials_that_failed_or_never_began_do_not_matter() -> None:
    done = _searched(12)
    others = [Trial(20, "failed", GIVEN, problem="no"), Trial(21, "queued"), Trial(22, "cancelled", GIVEN)]

    assert ask(SPACE, [*done, *others], number=12, seed=1) == ask(SPACE, done, number=12, seed=1)


def _curves(*losses: float) -> list[Trial]:
    return [Trial(number, "trained", {}, [loss] * 5, loss) for number, loss in enumerate(losses)]


@pytest.mark.parametrize(
    "others, curve, hopeless",
    [
        ((1.0, 2.0, 3.0, 4.0), [5.0, 5.0, 5.0], True),
        ((1.0, 2.0, 3.0, 4.0), [5.0, 5.0, 2.4], False),
        ((1.0, 2.0, 3.0, 4.0), [5.0, 5.0], False),
        ((1.0, 2.0, 3.0), [5.0, 5.0, 5.0], False),
        ((1.0, 2.0, 3.0, 4.0), [5.0] * 6, False),
        ((1.0, 2.0, 3.0, 4.0), [], False),
    ],
    ids=["above the median", "below it", "too early", "too few others", "no other got so far", "no epoch"],
)
def test_a_network_is_given_up_where_it_is_above_the_median_of_the_others(
    others: tuple[float, ...], curve: list[float], hopeless: bool
) -> None:
    assert Medians(_curves(*others)).hopeless(curve) is hopeless


def test_trials_that_were_given_up_do_not_set_the_median() -> None:
    pruned = [Trial(number, "pruned", {}, [1.0] * 5) for number in range(10)]

    assert not Medians(pruned).hopeless([5.0] * 3)


def _trial(number: int, state: State, value: float | None = None, **more: Any) -> Trial:
    return Trial(number, state, {}, value=value, **more)


def test_the_least_validation_loss_is_best_and_of_equal_ones_the_first() -> None:
    trials = [_trial(0, "trained", 2.0), _trial(3, "trained", 1.0), _trial(2, "trained", 1.0), _trial(4, "failed")]

    best = best_of(trials)

    assert best is not None
    assert best.number == 2


def test_a_trial_that_was_cut_short_is_best_only_where_none_came_to_its_end() -> None:
    short = _trial(1, "pruned", curve=[0.5, 0.7])

    assert best_of([_trial(0, "trained", 2.0), short]) == _trial(0, "trained", 2.0)
    assert best_of([_trial(0, "failed"), short]) == short
    assert best_of([_trial(0, "failed"), _trial(1, "cancelled")]) is None


def test_optuna_is_not_loaded_where_nothing_is_searched() -> None:
    program = """
import sys
import services.trainer.app
from services.trainer.child import job, trial
sys.exit("optuna" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
