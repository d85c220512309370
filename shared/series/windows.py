"""Windows of series: where they are sampled, and by which method (algorithms section 3)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from shared.series.columns import Source, Windows, from_rows, over_windows
from shared.series.configuration import Configuration, SeriesConfiguration, TimeSteps
from shared.series.configuration_fields import Horizon
from shared.series.references import References
from shared.series.rows import Issues, Rows, SeriesRows
from shared.series.sampling import Drop, Sampled, average, last_known, linear, nearest, step_mean
from shared.series.series import NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE, Series, Times

_Method = Callable[[Rows, Times], Sampled]


def sample_offsets(horizon: Horizon, count: int) -> Times:
    """Offsets (N,) in ns of the sample times from the reference time; one step alone is at the horizon's start."""
    start, end = _exact(horizon)
    return np.array([round(start + step * (end - start) / max(count - 1, 1)) for step in range(count)], dtype=np.int64)


def step_interval(horizon: Horizon, count: int) -> tuple[int, int]:
    """From when to when, in ns about a sample time, its step reaches; one step alone is the whole horizon."""
    start, end = _exact(horizon)
    width = max(round((end - start) / max(count - 1, 1)), 1)
    return (0, width) if count == 1 else (-(width // 2), width - width // 2)


def target_step(entry: SeriesConfiguration, steps: TimeSteps) -> int:
    """The distance in ns of a target's steps; of one step alone, the distance of reference times."""
    start, end = _exact(entry.horizon)
    alone = round(steps.step_minutes * NANOSECONDS_PER_MINUTE)
    return (round((end - start) / (steps.output - 1)) if steps.output > 1 else 0) or alone


def target_step_minutes(configuration: Configuration) -> list[float]:
    """For each target the distance of its steps, in minutes."""
    return [target_step(entry, configuration.time_steps) / NANOSECONDS_PER_MINUTE for entry in configuration.outputs]


def series_source(entry: SeriesConfiguration, series: Series, count: int) -> Source:
    """One series' windows of N = ``count`` steps, by its kind and method."""
    method, offsets = _method(entry, count), _asked_offsets(entry, count)
    if entry.kind == "forecast":
        issues = Issues(series)
        return lambda references: _over_issues(method, issues, references, offsets, count)
    rows, repeated = SeriesRows(series), count // len(offsets)
    return lambda references: over_windows(lambda at: method(rows, at), references, offsets, repeated)


def _asked_offsets(entry: SeriesConfiguration, count: int) -> Times:
    """Where a window is sampled; what is one value for all its steps is asked for once."""
    if entry.kind == "current":
        return np.zeros(1, dtype=np.int64)
    return sample_offsets(entry.horizon, 1 if entry.average else count)


def _method(entry: SeriesConfiguration, count: int) -> _Method:
    """How the values at moments are found among rows."""
    if entry.kind == "current":
        return last_known
    if entry.average:
        start, end = sample_offsets(entry.horizon, 2)
        return lambda rows, at: average(rows, at, int(end - start))
    if entry.method == "mean":
        interval = step_interval(entry.horizon, count)
        return lambda rows, at: step_mean(rows, at, interval)
    if entry.method == "nearest":
        return nearest
    max_gap = None if entry.max_gap_minutes is None else round(entry.max_gap_minutes * NANOSECONDS_PER_MINUTE)
    return lambda rows, at: linear(rows, at, max_gap)


def _over_issues(method: _Method, issues: Issues, references: References, offsets: Times, count: int) -> Windows:
    """At reference + offset, in the newest of the issues known at the reference."""
    moments = references.times()
    newest = issues.newest(moments)
    samples = (offsets[:, None] + moments[None, :]).ravel()
    found = method(issues.rows(np.tile(newest, len(offsets))), samples)
    shape = (len(offsets), references.count)
    assert found.causes is not None
    causes = np.where(newest < 0, np.int8(Drop.NOT_YET_ISSUED), found.causes.reshape(shape).min(axis=0))
    return from_rows(found.values.reshape(shape), causes, count)


def _exact(horizon: Horizon) -> tuple[Fraction, Fraction]:
    """The horizon in ns, without rounding."""
    return Fraction(horizon.start_hours) * NANOSECONDS_PER_HOUR, Fraction(horizon.end_hours) * NANOSECONDS_PER_HOUR
