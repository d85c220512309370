"""What the times of a file are like: span, step width, gaps, repetitions, order."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from services.upload.analysis.document import LISTED, Gap

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


def describe_times(times: pl.Series) -> Timeline:
    """Facts about ``times``: nanoseconds UTC, at least one, without nulls or repetitions, in the order of the file."""
    unsorted = int((times.cast(pl.Int64).diff() < 0).sum())
    times = times.sort()
    steps = times.cast(pl.Int64).diff().drop_nulls()
    step, mode = steps.quantile(0.5, interpolation="nearest"), steps.mode().min()
    first, last = iso_times(times.gather([0, len(times) - 1]))
    if step is None or not isinstance(mode, int):
        return Timeline(first, last, None, None, 0, [], 0, 0)
    gaps = (steps > _GAP_STEPS * step).arg_true()
    return Timeline(
        first=first,
        last=last,
        step_minutes=step / _NANOSECONDS_PER_MINUTE,
        step_mode_minutes=mode / _NANOSECONDS_PER_MINUTE,
        irregular_steps=int((steps != step).sum()),
        gaps=_list_gaps(times, steps, gaps.head(LISTED), step),
        gap_count=len(gaps),
        unsorted=unsorted,
    )


def _list_gaps(times: pl.Series, steps: pl.Series, gaps: pl.Series, step: float) -> list[Gap]:
    before, after = iso_times(times.gather(gaps)), iso_times(times.gather(gaps + 1))
    missing = [round(width / step) - 1 for width in steps.gather(gaps)]
    return [Gap(from_=f, to=t, missing=n) for f, t, n in zip(before, after, missing, strict=True)]


def iso_times(times: pl.Series) -> list[str]:
    """UTC times as ISO 8601 with Z; fractions of a second only where there are some."""
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_list()
