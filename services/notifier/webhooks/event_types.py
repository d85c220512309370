"""Which events a webhook can ask for: pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from shared.events.catalogue import CATALOGUE, Kind
from shared.problems import Category, ProblemError

EVENT_TYPES = tuple(name for name, entry in CATALOGUE.items() if entry.kind is Kind.EVENT)
TEST = "webhook.test"
"""Sent when its owner asks for it; it is on no bus and takes no number."""


def checked(names: Sequence[str] | None) -> list[str] | None:
    """The names once each, in the catalogue's order; None stays None. Raises a problem for one that is no event's."""
    if names is None:
        return None
    unknown = next((name for name in names if name not in EVENT_TYPES), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, EVENT_TYPES, n=1, cutoff=0.5)
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such event",
            detail=f"eventTypes: {unknown!r} is no event's name; there are: {', '.join(EVENT_TYPES)}.",
            recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of those that exist."],
            technical_details={"field": "eventTypes", "value": unknown, "known": list(EVENT_TYPES)},
        )
    return [name for name in EVENT_TYPES if name in names]
