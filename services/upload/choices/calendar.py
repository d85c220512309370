"""Which calendar features the data can make something of."""

from __future__ import annotations

from typing import Any

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.steps import MONTH, YEAR
from services.upload.choices.wishes import Cycle, Wishes

_DAY = 1440.0
_CYCLES: dict[Cycle, float] = {"year": YEAR, "month": MONTH, "week": 7 * _DAY, "day": _DAY}
_OFTEN = 2
_LEAST_STEPS = 4
"""A cycle with fewer steps is no more than a pattern of single steps."""


def choose_time_features(
    span_minutes: float, step_minutes: float, train_share: float, wishes: Wishes
) -> Chosen[list[Cycle]]:
    """The cycles that the training part goes through at least twice, in steps that are fine enough to see them.

    Months only from daily steps on: they matter to accounts, not to clocks.
    """
    if wishes.time_features is not None:
        return Chosen([name for name in _CYCLES if name in wishes.time_features], ASKED)
    seen = span_minutes * train_share
    chosen = [
        name
        for name, length in _CYCLES.items()
        if seen >= _OFTEN * length
        and length >= _LEAST_STEPS * step_minutes
        and (name != "month" or step_minutes >= _DAY)
    ]
    if chosen:
        return Chosen(chosen, f"Cycles that the training part goes through at least twice: {', '.join(chosen)}.")
    return Chosen([], "The training part goes through no cycle of the calendar twice.")


def feature_document(cycles: list[Cycle], start_hours: float, end_hours: float, *, local: bool) -> dict[str, Any]:
    """As the configuration has it: of the time that is forecast, known ahead."""
    feature = {"local": local, "at": "horizon", "start_hours": start_hours, "end_hours": end_hours}
    return {cycle: feature for cycle in cycles}
