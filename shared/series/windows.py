"""Windows: reference times, sample times, and the values at them (algorithms sections 2 and 3).

All windows of a series at once; a window that cannot be filled honestly is dropped, with its cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.series.configuration import Configuration, Horizon, SeriesConfiguration, TimeSteps
from shared.series.series import NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE, Series, Times, Values

Causes = NDArray[np.int8]


class Drop(IntEnum):
    """Why a window was dropped; of several causes in one series the smallest number counts."""

    BEFORE = 1
    AFTER = 2
    GAP = 3
    NOT_A_NUMBER = 4
    EMPTY_AVERAGE = 5
    NOT_YET_ISSUED = 6


_NONE = 0
_NO_CAUSE = np.int8(127)


@dataclass(frozen=True, slots=True)
class Sampled:
    """``values`` (n, N), and for each of the n windows ``causes`` (n,): 0, or why it is dropped."""

    values: Values
    causes: Causes


def sample_offsets(horizon: Horizon, count: int) -> Times:
    """Offsets (N,) in ns of the sample times from the reference time; one step alone is at the horizon's start."""
    start = horizon.start_hours * NANOSECONDS_PER_HOUR
    width = (horizon.end_hours - horizon.start_hours) * NANOSECONDS_PER_HOUR
    steps = np.arange(count, dtype=np.float64)
    return np.rint(start + (steps * width / (count - 1) if count > 1 else steps)).astype(np.int64)


def target_step(entry: SeriesConfiguration, steps: TimeSteps) -> int:
    """The distance in ns of a target's steps; of one step alone, the distance of reference times."""
    width = (entry.horizon.end_hours - entry.horizon.start_hours) * NANOSECONDS_PER_HOUR
    alone = round(steps.step_minutes * NANOSECONDS_PER_MINUTE)
    return (round(width / (steps.output - 1)) if steps.output > 1 else 0) or alone


def target_step_minutes(configuration: Configuration) -> list[float]:
    """For each target the distance of its steps, in minutes."""
    return [target_step(entry, configuration.time_steps) / NANOSECONDS_PER_MINUTE for entry in configuration.outputs]


def sample(series: Series, configuration: SeriesConfiguration, references: Times, count: int) -> Sampled:
    """The series' values in all windows: (n, N) values, and why windows must be dropped."""
    if configuration.kind == "current":
        return _current(series, references, count)
    if configuration.kind == "forecast":
        return _forecast(series, configuration, references, count)
    if configuration.average:
        return _average(series, configuration.horizon, references, count)
    samples = references[:, None] + sample_offsets(configuration.horizon, count)[None, :]
    if configuration.method == "linear":
        return _linear(series, samples, configuration.max_gap_minutes)
    if configuration.method == "nearest":
        return _nearest(series, samples)
    width = (configuration.horizon.end_hours - configuration.horizon.start_hours) * NANOSECONDS_PER_HOUR
    return _step_mean(series, samples, round(width / max(count - 1, 1)))


def _linear(series: Series, samples: Times, max_gap_minutes: float | None) -> Sampled:
    """The value at an exact timestamp, else between the rows before and after, both of them numbers."""
    times, values = series.times, series.values
    right = np.searchsorted(times, samples, side="left")
    inside_right = np.minimum(right, len(times) - 1)
    exact = times[inside_right] == samples
    left = np.where(exact, inside_right, np.clip(right - 1, 0, None))
    before, after = times[left], times[inside_right]
    width = after - before
    share = np.divide(samples - before, width, out=np.zeros(samples.shape), where=width > 0)
    filled = values[left] + (values[inside_right] - values[left]) * share
    filled = np.where(exact, values[inside_right], filled)
    found = [(Drop.BEFORE, samples < times[0]), (Drop.AFTER, samples > times[-1])]
    if max_gap_minutes is not None:
        found.append((Drop.GAP, ~exact & (width > max_gap_minutes * NANOSECONDS_PER_MINUTE)))
    found.append((Drop.NOT_A_NUMBER, ~np.isfinite(filled)))
    return Sampled(filled, _first_causes(found))


def _nearest(series: Series, samples: Times) -> Sampled:
    """The nearest row, of two equally near the earlier."""
    times = series.times
    right = np.clip(np.searchsorted(times, samples, side="left"), 0, len(times) - 1)
    left = np.clip(right - 1, 0, None)
    nearest = np.where(samples - times[left] <= times[right] - samples, left, right)
    nearest = np.where(times[right] == samples, right, nearest)
    filled = series.values[nearest]
    found = [
        (Drop.BEFORE, samples < times[0]),
        (Drop.AFTER, samples > times[-1]),
        (Drop.NOT_A_NUMBER, ~np.isfinite(filled)),
    ]
    return Sampled(filled, _first_causes(found))


def _step_mean(series: Series, samples: Times, width: int) -> Sampled:
    """Mean of the rows in each step's interval, centred on the sample time: [s - w/2, s + w/2)."""
    starts = samples - width // 2
    filled = _means(series, starts.ravel(), (starts + max(width, 1)).ravel()).reshape(samples.shape)
    found = [
        (Drop.BEFORE, samples < series.times[0]),
        (Drop.AFTER, samples > series.times[-1]),
        (Drop.EMPTY_AVERAGE, ~np.isfinite(filled)),
    ]
    return Sampled(filled, _first_causes(found))


def _average(series: Series, horizon: Horizon, references: Times, count: int) -> Sampled:
    """Mean of the raw points with t + a <= time < t + b, NaN skipped, repeated N times."""
    starts = references + round(horizon.start_hours * NANOSECONDS_PER_HOUR)
    ends = references + round(horizon.end_hours * NANOSECONDS_PER_HOUR)
    means = _means(series, starts, ends)
    found = [
        (Drop.BEFORE, (starts < series.times[0])[:, None]),
        (Drop.AFTER, (ends > series.times[-1])[:, None]),
        (Drop.EMPTY_AVERAGE, ~np.isfinite(means)[:, None]),
    ]
    return Sampled(np.repeat(means[:, None], count, axis=1), _first_causes(found))


def _current(series: Series, references: Times, count: int) -> Sampled:
    """The last value at or before the reference time, repeated."""
    last = np.searchsorted(series.times, references, side="right") - 1
    filled = series.values[np.clip(last, 0, None)]
    found = [(Drop.BEFORE, (last < 0)[:, None]), (Drop.NOT_A_NUMBER, ~np.isfinite(filled)[:, None])]
    return Sampled(np.repeat(filled[:, None], count, axis=1), _first_causes(found))


def _forecast(series: Series, configuration: SeriesConfiguration, references: Times, count: int) -> Sampled:
    """Of the issues known at the reference time the newest, interpolated over its valid times."""
    if series.issues is None:
        raise ValueError(f"series {series.name!r} is a forecast and needs issue times")
    issues = np.unique(series.issues)
    chosen = np.searchsorted(issues, references, side="right") - 1
    values = np.full((len(references), count), np.nan)
    causes = np.where(chosen < 0, np.int8(Drop.NOT_YET_ISSUED), np.int8(_NONE))
    offsets = sample_offsets(configuration.horizon, count)
    for number in np.unique(chosen[chosen >= 0]):
        of_issue, windows = series.issues == issues[number], chosen == number
        order = np.argsort(series.times[of_issue], kind="stable")
        one = Series(series.name, series.times[of_issue][order], series.values[of_issue][order])
        samples = references[windows][:, None] + offsets[None, :]
        part = _linear(one, samples, configuration.max_gap_minutes)
        values[windows], causes[windows] = part.values, part.causes
    return Sampled(values, causes)


def _means(series: Series, starts: Times, ends: Times) -> Values:
    """Mean (n,) of the numbers with start <= time < end; NaN where there is none."""
    numeric = np.isfinite(series.values)
    times = series.times[numeric]
    low, high = np.searchsorted(times, starts, side="left"), np.searchsorted(times, ends, side="left")
    counts = high - low
    if len(times) == 0:
        return np.full(len(starts), np.nan)
    # reduceat sums each [low, high) directly, without the cancellation of a running sum; the appended zero
    # makes high = n legal.
    padded = np.append(series.values[numeric], 0.0)
    sums = np.add.reduceat(padded, np.column_stack([low, high]).ravel())[::2]
    means: Values = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return means


def _first_causes(found: list[tuple[Drop, NDArray[np.bool_]]]) -> Causes:
    """For each window (row) the smallest cause that any of its samples has, or 0."""
    causes = np.full(len(found[0][1]), _NO_CAUSE)
    for cause, applies in found:
        causes = np.minimum(causes, np.where(applies.any(axis=1), np.int8(cause), _NO_CAUSE))
    return np.where(causes == _NO_CAUSE, np.int8(_NONE), causes)
