"""How far windows reach: what the embargo between parts needs to know (algorithms section 5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.maker import SeriesByPlace
from shared.series.series import Series
from shared.series.splits import Reach
from shared.series.windows import sample_offsets, step_interval

_Reads = Callable[[int], int]


def reach_of_windows(configuration: Configuration, series: SeriesByPlace) -> Reach:
    """Windows read up to the latest sample of any series, or the row behind it where it lies between rows.

    They depend on the reference time itself, too: what is known of a target's past ends there.
    """
    first, _ = sample_span(configuration)
    each = [
        _reads(entry, series[place], _steps(configuration, entry)) for place, entry in enumerate(configuration.series)
    ]
    return Reach(first, lambda reference: max(reference, *(reads(reference) for reads in each)))


def sample_span(configuration: Configuration) -> tuple[int, int]:
    """The first and last offset in ns of any sample from the reference time; calendars know no leakage."""
    moving = [entry for entry in configuration.series if entry.kind != "current"]
    first = min([0, *(int(sample_offsets(entry.horizon, 1)[0]) for entry in moving)])
    return first, max([0, *(_last_offset(entry, _steps(configuration, entry)) for entry in moving)])


def _reads(entry: SeriesConfiguration, series: Series, count: int) -> _Reads:
    if entry.kind == "current":
        # The reference time, which counts anyway.
        return lambda reference: reference
    last = _last_offset(entry, count)
    if entry.average or entry.method == "mean" or entry.kind == "forecast":
        return lambda reference: reference + last
    times = series.times

    def row_behind(reference: int) -> int:
        place = int(np.searchsorted(times, reference + last))
        return max(reference + last, int(times[min(place, len(times) - 1)]))

    return row_behind


def _last_offset(entry: SeriesConfiguration, count: int) -> int:
    last = int(sample_offsets(entry.horizon, 2 if entry.average else count)[-1])
    # The interval about a step's sample is half open.
    return max(last, last + step_interval(entry.horizon, count)[1] - 1) if entry.method == "mean" else last


def _steps(configuration: Configuration, entry: SeriesConfiguration) -> int:
    return configuration.time_steps.input if entry.role == "input" else configuration.time_steps.output
