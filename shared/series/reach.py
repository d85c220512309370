"""How far windows reach: what the embargo between parts needs to know (algorithms section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shared.series.configuration import SeriesConfiguration
from shared.series.series import Series
from shared.series.windows import sample_offsets, step_interval

Reads = Callable[[int], int]
"""From a reference time to the latest time, in ns, that its window depends on; it never falls as time rises."""


def first_sample(entries: Sequence[SeriesConfiguration]) -> int:
    """The earliest offset in ns of any sample from the reference time; calendars know no leakage."""
    starts = [int(sample_offsets(entry.horizon, 1)[0]) for entry in entries if entry.kind != "current"]
    return min([0, *starts])


def reads_until(entries: Sequence[tuple[SeriesConfiguration, Series]], input_steps: int, output_steps: int) -> Reads:
    """The latest sample of any series, or the row behind it where it lies between rows."""
    each = [_reads(entry, one, input_steps if entry.role == "input" else output_steps) for entry, one in entries]
    return lambda reference: max(reads(reference) for reads in each)


def _reads(entry: SeriesConfiguration, series: Series, count: int) -> Reads:
    if entry.kind == "current":
        return lambda reference: reference
    last = int(sample_offsets(entry.horizon, 2 if entry.average else count)[-1])
    if entry.method == "mean":
        # The interval is half open.
        behind = step_interval(entry.horizon, count)[1] - 1
        return lambda reference: reference + last + max(behind, 0)
    if entry.average or entry.kind == "forecast":
        return lambda reference: reference + last
    times = series.times

    def row_behind(reference: int) -> int:
        place = int(np.searchsorted(times, reference + last))
        return max(reference + last, int(times[min(place, len(times) - 1)]))

    return row_behind
