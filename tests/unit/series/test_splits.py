"""Parts of the windows, the embargo between them, folds for back-tests, and that nothing of the future leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.problems import Category, ProblemError
from shared.series.configuration import Split, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.reach import reach_of_windows
from shared.series.selection import select_windows
from shared.series.series import Series, Times
from shared.series.splits import Parts, Reach, rolling_origins, split_windows
from tests.unit.series.examples import HOUR, MINUTE, document, hourly
from tests.unit.series.strategies import cases

REACH = Reach(-6 * HOUR, lambda reference: reference + 3 * HOUR)


def references(count: int) -> Times:
    return np.arange(count, dtype=np.int64) * HOUR


def split(count: int, **choices: Any) -> Parts:
    return split_windows(references(count), Split(**choices), REACH)


def test_parts_have_their_shares_rounded_half_to_even() -> None:
    parts = split(25, train=0.5, validation=0.1, test=0.4, embargo=False)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [12, 2, 11]
    assert np.concatenate([parts.train, parts.validation, parts.test]).tolist() == list(range(25))


def test_f71_the_embargo_leaves_out_what_reaches_into_the_later_part() -> None:
    parts = split(100)
    # The test part begins with the samples of 84 h; 81 h reads until 84 h. Validation begins at 70 h, so at 64 h.
    assert parts.test[0] == 90
    assert parts.validation.tolist() == list(range(70, 81))
    assert parts.train.tolist() == list(range(61))
    assert parts.embargoed == 18


def test_without_validation_the_training_part_keeps_away_from_the_test() -> None:
    parts = split(100, train=0.8, validation=0, test=0.2)
    assert parts.train.tolist() == list(range(71))


def test_f71_shuffle_shuffles_and_no_shuffle_does_not() -> None:
    chronological = split(100, embargo=False)
    shuffled = split(100, shuffle=True, seed=1)
    assert chronological.train.tolist() == list(range(70))
    assert sorted(np.concatenate([shuffled.train, shuffled.validation, shuffled.test]).tolist()) == list(range(100))
    assert shuffled.train.tolist() != sorted(shuffled.train.tolist())


def test_f75_the_same_seed_shuffles_alike_and_another_does_not() -> None:
    one, again, other = (split(100, shuffle=True, seed=seed).train.tolist() for seed in (7, 7, 8))
    assert one == again
    assert one != other


def folds(count: int, **choices: Any) -> list[tuple[int, int, int]]:
    found = rolling_origins(references(count), Split(**choices), 10, REACH)
    return [(fold.train_stop, fold.test_start, fold.test_stop) for fold in found]


def test_folds_roll_over_the_end_and_train_on_all_before_their_test() -> None:
    assert folds(100, backtest={"folds": 3}, embargo=False) == [(70, 70, 80), (80, 80, 90), (90, 90, 100)]
    assert folds(100, backtest={"folds": 2, "windows": 5}, embargo=False) == [(90, 90, 95), (95, 95, 100)]
    assert folds(100) == []


def test_f71_folds_keep_the_embargo() -> None:
    assert folds(100, backtest={"folds": 2}) == [(71, 80, 90), (81, 90, 100)]


@pytest.mark.parametrize("backtest", [{"folds": 10}, {"folds": 1, "windows": 100}, {"folds": 9, "windows": 11}])
def test_too_many_folds_are_a_problem(backtest: dict[str, int]) -> None:
    with pytest.raises(ProblemError) as raised:
        folds(100, backtest=backtest)
    assert raised.value.problem.category is Category.INSUFFICIENT_DATA
    problem = raised.value.problem
    assert "split.backtest" in problem.detail
    assert problem.technical_details is not None
    for change, step in zip(problem.technical_details["changes"], problem.recovery, strict=False):
        assert change["change"] == step
        [(name, value)] = ((path.rpartition(".")[2], value) for path, value in change["set"].items())
        assert folds(100, backtest={**backtest, name: value}), "what is named is enough"
        with pytest.raises(ProblemError):
            folds(100, backtest={**backtest, name: value + 1})


def test_the_reach_counts_rows_between_which_a_sample_lies() -> None:
    configuration = parse_configuration(document())
    sparse = Series("load", np.array([0, 100, 200]) * HOUR, np.zeros(3))
    whole = Series("whole", references(200), np.zeros(200))
    reach = reach_of_windows(configuration, {0: whole, 1: whole, 2: sparse})
    assert reach.first_sample == -6 * HOUR
    assert reach.reads_until(50 * HOUR) == 100 * HOUR
    assert reach.reads_until(97 * HOUR) == 100 * HOUR
    assert reach.reads_until(97 * HOUR + MINUTE) == 200 * HOUR


def rewritten(one: Series, border: int) -> Series:
    """Other numbers for what is measured or issued from the border on; what is missing stays missing."""
    later = (one.times if one.issues is None else one.issues) >= border
    return Series(one.name, one.times, np.where(later, 1000 - 3 * one.values, one.values), one.issues)


def training_part(dataset: Dataset) -> tuple[list[Any], ...]:
    train = dataset.parts.train
    arrays = [dataset.array(name)[train].tolist() for name in ("inputs", "targets", "inputs_scaled", "targets_scaled")]
    past = [(target.season_steps, target.naive_error) for target in dataset.targets]
    return dataset.reference_times[train].tolist(), arrays, [dataset.scalers], past


@given(cases(), st.sampled_from(["minmax", "standard", "robust"]))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_f71_nothing_of_the_training_part_changes_with_the_future(
    case: tuple[dict[str, Any], dict[int, Series]], kind: str
) -> None:
    document, series = case
    document["split"]["embargo"] = True
    configuration = parse_configuration({**document, "scaling": {"kind": kind}})
    assume(not select_windows(configuration, series).missing)
    dataset = build_dataset(configuration, series)
    later = dataset.parts.validation if len(dataset.parts.validation) else dataset.parts.test
    border = int(dataset.reference_times[later[0]]) + reach_of_windows(configuration, series).first_sample

    changed = build_dataset(configuration, {place: rewritten(one, border) for place, one in series.items()})

    assert training_part(changed) == training_part(dataset)


def test_f71_folds_scalers_know_their_training_windows_alone() -> None:
    backtest = {"backtest": {"folds": 2, "windows": 20}}
    configuration = parse_configuration(document(split=backtest))
    load, temperature = hourly(300), hourly(300, seed=1)
    before = build_dataset(configuration, {0: load, 1: temperature, 2: load})
    border = int(before.reference_times[before.folds[0].fold.test_start]) - 6 * HOUR
    changed = {place: rewritten(one, border) for place, one in {0: load, 1: temperature, 2: load}.items()}

    after = build_dataset(configuration, changed)

    assert after.folds[0] == before.folds[0]
    assert after.folds[1].scalers != before.folds[1].scalers
