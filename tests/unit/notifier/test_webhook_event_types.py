"""The names that a webhook can ask for."""

from __future__ import annotations

import pytest

from services.notifier.webhooks.event_types import EVENT_TYPES, TEST, checked
from shared.events.catalogue import CATALOGUE, Kind
from shared.problems import ProblemError


def test_every_event_and_nothing_else_can_be_asked_for() -> None:
    assert set(EVENT_TYPES) == {name for name, entry in CATALOGUE.items() if entry.kind is Kind.EVENT}
    assert checked(list(reversed(EVENT_TYPES))) == list(EVENT_TYPES)
    assert checked(["results.stored", "results.stored"]) == ["results.stored"]
    assert checked(None) is None


@pytest.mark.parametrize(
    ("name", "recovery"),
    [
        ("result.stored", "Did you mean 'results.stored'?"),
        ("training.complete", "Did you mean 'training.completed'?"),
        ("io.foretide.model.trained.v1", "Did you mean 'model.trained'?"),
        ("xyzzy", "Choose one of those that exist."),
        ("model.train", "Did you mean 'model.trained'?"),
        (TEST, "Choose one of those that exist."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, recovery: str) -> None:
    with pytest.raises(ProblemError) as raised:
        checked(["file.uploaded", name])
    assert raised.value.problem.recovery == [recovery]
    assert repr(name) in raised.value.problem.detail
