"""What the times of a file are like: span, step width, gaps, repetitions, order."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from shared.analysis.document import LISTED, Gap
from shared.analysis.steps import Steps, sliced_steps, steps_of

_NANOSECONDS_PER_MINUTE = 60_000_000_000
_GAP_STEPS = 1.5
"""Neighbours further apart than this many steps have a gap between them."""


@dataclass(frozen=True)
class Timeline:
    """Facts about one series of UTC times; ``first`` and ``last`` as ISO 8601, no step where there is one time only."""

    first: str
    last: str
    step_minutes: float | None
    step_mode_minutes: float | None
    irregular_steps: int
    gaps: list[Gap]
    gap_count: int
    unsorted: int


def describe_times(times: pl.Series, steps: Steps) -> Timeline:
    """Facts about ``times``: nanoseconds UTC, at least one, without nulls or repetitions, in the order of the file.

    ``steps`` are those between them.
    """
    unsorted = steps.count - steps.forward
    if unsorted:
        times = times.sort()
        steps = steps_of(times)
    first, last = iso_times(times.gather([0, len(times) - 1]))
    if steps.median is None or steps.mode is None:
        return Timeline(first, last, None, None, 0, [], 0, 0)
    gap_count = steps.longer_than(_GAP_STEPS * steps.median)
    return Timeline(
        first=first,
        last=last,
        step_minutes=steps.median / _NANOSECONDS_PER_MINUTE,
        step_mode_minutes=steps.mode / _NANOSECONDS_PER_MINUTE,
        irregular_steps=steps.count - steps.regular,
        gaps=_list_gaps(times, steps.median) if gap_count else [],
        gap_count=gap_count,
        unsorted=unsorted,
    )


def _list_gaps(times: pl.Series, step: int) -> list[Gap]:
    gaps: list[Gap] = []
    for start, steps in sliced_steps(times):
        places = (steps > _GAP_STEPS * step).arg_true().head(LISTED - len(gaps))
        before, after = iso_times(times.gather(places + start)), iso_times(times.gather(places + start + 1))
        for first, last, width in zip(before, after, steps.gather(places), strict=True):
            gaps.append(Gap(from_=first, to=last, missing=round(width / step) - 1))
    return gaps


def iso_times(times: pl.Series) -> list[str]:
    """UTC times as ISO 8601 with Z; fractions of a second only where there are some."""
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_list()
