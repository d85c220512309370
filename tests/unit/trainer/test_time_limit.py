"""How long a model may be trained: the earlier of two limits, shared among the fits and members to come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.trainer.child import task
from services.trainer.models import base
from services.trainer.models.base import History, TrainingData, share_of_time
from services.trainer.models.registry import model_class
from shared.problems import ProblemError
from shared.series.artifact import StoredDataset, read_dataset
from shared.series.model_parameters import KINDS, parse_model
from tests.unit.trainer.conftest import MakeData

NOW = 100.0
MakeJob = Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that stands still at ``now``."""
    stopped = SimpleNamespace(now=NOW)
    monkeypatch.setattr(base, "time", SimpleNamespace(monotonic=lambda: stopped.now))
    return stopped


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Those that linear models are trained with, in their order."""
    told: list[float | None] = []
    linear = model_class("Linear")
    fit = linear._fit

    def noted(self: Any, data: TrainingData, history: History) -> None:
        told.append(history.deadline)
        fit(self, data, history)

    monkeypatch.setattr(linear, "_fit", noted)
    return told


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_limit_of_time_within_bounds(kind: str) -> None:
    assert parse_model({"kind": kind}).time_limit_seconds is None
    assert parse_model({"kind": kind, "time_limit_seconds": 1.5}).time_limit_seconds == 1.5
    for value in (0.5, 0, -1, 8 * 86400, float("nan"), "60", True):
        with pytest.raises(ProblemError, match=f"{kind}.time_limit_seconds"):
            parse_model({"kind": kind, "time_limit_seconds": value})


def test_a_limit_of_time_is_nothing_to_search_for() -> None:
    space = {"time_limit_seconds": {"low": 1, "high": 9}}

    with pytest.raises(ProblemError, match=r"Dense\.search\.space\.time_limit_seconds: there is no such parameter"):
        parse_model({"kind": "Dense", "search": {"space": space}})


@pytest.mark.parametrize(
    "limit, given, expected",
    [(None, None, None), (10.0, None, 110.0), (None, 130.0, 130.0), (10.0, 130.0, 110.0), (60.0, 130.0, 130.0)],
)
def test_the_earlier_one_of_its_own_limit_and_the_given_deadline_ends_a_model(
    limit: float | None,
    given: float | None,
    expected: float | None,
    make_data: MakeData,
    clock: SimpleNamespace,
    deadlines: list[float | None],
) -> None:
    model = model_class("Linear")(parse_model({"kind": "Linear", "time_limit_seconds": limit}))

    history = model.fit(make_data(), lambda _: None, deadline=given)

    assert deadlines == [expected]
    assert not history.time_is_over
    clock.now = 1000.0
    assert history.time_is_over == (expected is not None)


@pytest.mark.parametrize("deadline, parts, expected", [(None, 3, None), (160.0, 3, 120.0), (160.0, 1, 160.0)])
def test_what_is_to_come_shares_the_time_that_is_left(
    deadline: float | None, parts: int, expected: float | None, clock: SimpleNamespace
) -> None:
    assert share_of_time(deadline, parts) == expected


def test_where_no_time_is_left_a_share_ends_now(clock: SimpleNamespace) -> None:
    assert share_of_time(40.0, 3) == NOW


def test_members_of_an_ensemble_share_its_time_and_keep_their_own_limits(
    make_data: MakeData, clock: SimpleNamespace, deadlines: list[float | None]
) -> None:
    members = [{"kind": "Linear", "ridge": ridge} for ridge in (0.0, 1.0, 2.0)]
    members.insert(1, {"kind": "Linear", "ridge": 3.0, "time_limit_seconds": 5})
    ensemble = model_class("Ensemble")(parse_model({"kind": "Ensemble", "members": members}))

    history = ensemble.fit(make_data(), lambda _: None, deadline=NOW + 120)

    # As no time passes, the ones to come have more of it each.
    assert deadlines == [NOW + 30, NOW + 5, NOW + 60, NOW + 120]
    assert history.warnings == []


def test_members_that_no_time_is_left_for_are_left_out_and_told_as_long_as_one_works(
    make_data: MakeData, clock: SimpleNamespace, deadlines: list[float | None]
) -> None:
    hopeless = {"kind": "NLinear", "covariates": "none"}
    members = [hopeless, *({"kind": "Linear", "ridge": ridge} for ridge in (0.0, 1.0, 2.0))]
    ensemble = model_class("Ensemble")(parse_model({"kind": "Ensemble", "members": members}))

    history = ensemble.fit(make_data(), lambda _: None, deadline=NOW)

    assert deadlines == [NOW]
    assert [member["member"] for member in history.chosen["members"]] == [2]
    assert history.warnings[1:] == [
        "Member 3 (Linear) was left out: the time limit left none for it.",
        "Member 4 (Linear) was left out: the time limit left none for it.",
    ]


def test_reading_the_dataset_takes_none_of_a_childs_time(
    load_dataset: Path, tmp_path: Path, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]

    def slowly(*arguments: Any) -> StoredDataset:
        now[0] += 50.0
        return read_dataset(*arguments)

    monkeypatch.setattr(task, "read_dataset", slowly)
    monkeypatch.setattr(task, "time", SimpleNamespace(monotonic=lambda: now[0]))

    read = task.Task.read({**job(load_dataset, tmp_path, {"kind": "Linear"}, "load"), "seconds_left": 10.0})

    assert read.deadline == NOW + 60.0
