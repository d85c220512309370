"""The distance of a series' steps, and how values are taken where rows are not exactly on time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.excerpt import Excerpt
from services.upload.choices.wishes import Method, Wishes
from shared.problems import Category, ProblemError
from shared.series.configuration_fields import LONGEST_HOURS
from shared.series.series import NANOSECONDS_PER_MINUTE, Times

_HOUR, _DAY = 60.0, 1440.0
MONTH, QUARTER, YEAR = 30.4375 * _DAY, 91.3125 * _DAY, 365.25 * _DAY
"""Mean lengths in minutes."""

_USUAL = (
    *(seconds / 60 for seconds in (0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30)),
    *(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 12.0, 15.0, 20.0, 30.0),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12)),
    *(days * _DAY for days in (1, 2, 7, 14)),
    *(MONTH, QUARTER, YEAR),
)
_SAME = 0.01
"""Distances that differ by this share of a step are the same."""
_MOSTLY = 0.8
_CALENDAR = {"day": _DAY, "month": MONTH, "quarter": QUARTER, "year": YEAR}
_CALENDAR_SLACK = 0.12
"""A month has 28 to 31 days, a day 23 to 25 hours where clocks change."""
_UNMISTAKABLE = 0.25
"""A row this near to its step, in steps, is no other step's."""
_BRIDGED_STEPS = 3.0


@dataclass(frozen=True, slots=True)
class Steps:
    """The grid that windows are sampled on: ``first``, ``first + step``, … in ns, and how."""

    first: int
    step: int
    method: Method
    max_gap: int | None

    @property
    def minutes(self) -> float:
        """Of one step."""
        return self.step / NANOSECONDS_PER_MINUTE


def choose_step(excerpt: Excerpt, wishes: Wishes) -> Chosen[float]:
    """Minutes of one step: the series' own, of irregular times the nearest usual width.

    Raises INSUFFICIENT_DATA where there are no two rows.
    """
    if len(excerpt.times) < 2:
        raise _one_row()
    if wishes.step_minutes is not None:
        return Chosen(wishes.step_minutes, ASKED)
    widths = np.diff(excerpt.times) / NANOSECONDS_PER_MINUTE
    median = float(np.quantile(widths, 0.5, method="nearest"))
    same = np.abs(widths - median) <= _SAME * median
    for name, length in _CALENDAR.items():
        near = np.abs(widths - length) <= _CALENDAR_SLACK * length
        if not same.all() and near.mean() >= _MOSTLY:
            return Chosen(length, f"The rows are one {name} apart; {describe(length)} is its mean length.")
    if same.mean() >= _MOSTLY:
        own = _usual(median) if abs(_usual(median) - median) <= _SAME * median else median
        return Chosen(own, f"{int(same.sum())} of {len(widths)} neighbouring rows are {describe(median)} apart.")
    return Chosen(
        _usual(median),
        f"The times are irregular, their median distance is {describe(median)}; this is the nearest usual width.",
    )


def choose_method(excerpt: Excerpt, step_minutes: float, wishes: Wishes) -> Chosen[Method]:
    """Nearest row for calendar series, whose rows lie beside an even grid; else linear interpolation."""
    if wishes.method is not None:
        return Chosen(wishes.method, ASKED)
    step = to_ns(step_minutes)
    beside = np.abs(_beside(excerpt, step)) / step
    if step_minutes >= _DAY and _SAME < beside.max() <= _UNMISTAKABLE:
        return Chosen("nearest", "Days and months are not all equally long; each step takes the row that is meant.")
    if beside.max() <= _SAME:
        return Chosen("linear", "All rows lie on the steps; interpolation only bridges missing ones.")
    return Chosen("linear", "Rows lie between the steps; values are interpolated.")


def choose_max_gap(excerpt: Excerpt, step_minutes: float, method: Method, wishes: Wishes) -> Chosen[float | None]:
    """The longest gap in minutes that interpolation bridges. Raises DATA_VALIDATION where it would have no effect."""
    if method == "nearest":
        if wishes.max_gap_minutes is not None:
            raise _no_gap_to_bridge()
        return Chosen(None, "The nearest row counts, however far it is.")
    if wishes.max_gap_minutes is not None:
        return Chosen(wishes.max_gap_minutes, ASKED)
    widths = np.diff(excerpt.times) / NANOSECONDS_PER_MINUTE
    usual = float(np.quantile(widths, 0.95, method="nearest"))
    bridged = _BRIDGED_STEPS * max(step_minutes, usual)
    # Far beyond the step there is no series to interpolate, only pauses.
    bridged = min(bridged, 10 * _BRIDGED_STEPS * step_minutes, LONGEST_HOURS * _HOUR)
    return Chosen(bridged, "Up to two missing rows are bridged; windows across a longer gap are left out.")


def to_ns(minutes: float) -> int:
    """Whole nanoseconds."""
    return round(minutes * NANOSECONDS_PER_MINUTE)


def describe(minutes: float) -> str:
    """A length as people say it: 15 minutes, 1 day, 2.5 hours."""
    units = {"day": _DAY, "hour": _HOUR, "minute": 1.0, "second": 1 / 60}
    name, length = next((unit for unit in units.items() if minutes >= unit[1]), ("second", 1 / 60))
    count = minutes / length
    return f"{count:.6g} {name}" + ("" if round(count, 6) == 1 else "s")


def _usual(minutes: float) -> float:
    return min(_USUAL, key=lambda width: abs(np.log(width / minutes)))


def _beside(excerpt: Excerpt, step: int) -> Times:
    """How far in ns each row is from the nearest step of the grid that begins with the first row."""
    offsets = excerpt.times - excerpt.first
    found: Times = offsets - (offsets + step // 2) // step * step
    return found


def _one_row() -> ProblemError:
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data points",
        detail="The file has one row with a time; there is nothing before and after it to learn from.",
        recovery=["Upload a file with more rows."],
        technical_details={"rows": 1},
    )


def _no_gap_to_bridge() -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="maxGapMinutes has no effect",
        detail="maxGapMinutes: with method nearest nothing is interpolated, so there is no gap to bridge.",
        recovery=["Leave maxGapMinutes out.", "Or ask for method linear."],
    )
