"""The slow, readable way to windows: one loop, straight from the page of algorithms (sections 2 and 3).

Nothing here is shared with the product. Series are lists of rows ``(time, value)``, forecasts ``(issue, time,
value)``, times in ns since the epoch; the document is the stored configuration.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.reference.features import feature_columns

HOUR = 3_600_000_000_000
MINUTE = 60_000_000_000
CAUSES = ("before", "after", "gap", "not_a_number", "empty_average", "not_yet_issued")

Rows = list[tuple[Any, ...]]


class Dropped(Exception):
    """This window cannot be filled, for these causes."""

    def __init__(self, *causes: str) -> None:
        super().__init__(*causes)
        self.first = min(causes, key=CAUSES.index)


@dataclass
class Windows:
    """What is kept, ``inputs`` (n, I, F_in) and ``targets`` (n, O, F_out) as lists, and drops by (series, cause)."""

    reference_times: list[int] = field(default_factory=list)
    inputs: list[list[list[float]]] = field(default_factory=list)
    targets: list[list[list[float]]] = field(default_factory=list)
    dropped: Counter[tuple[int, str]] = field(default_factory=Counter)


def make_windows(document: dict[str, Any], rows: list[Rows], limit: int | None = None) -> Windows:
    """All windows, or those of the first ``limit`` reference times."""
    inputs = [place for place, entry in enumerate(document["series"]) if entry["role"] == "input"]
    outputs = [place for place, entry in enumerate(document["series"]) if entry["role"] == "output"]
    steps = document["time_steps"]
    found = Windows()
    for t in reference_times(steps, [rows[place] for place in inputs])[:limit]:
        columns: dict[int, list[float]] = {}
        try:
            for place in inputs + outputs:
                count = steps["input"] if place in inputs else steps["output"]
                columns[place] = series_column(document["series"][place], rows[place], t, count)
        except Dropped as dropped:
            found.dropped[place, dropped.first] += 1
            continue
        features = feature_columns(document, t, steps["input"], sample_times)
        input_columns = [columns[place] for place in inputs] + features
        output_columns = [columns[place] for place in outputs]
        found.reference_times.append(t)
        found.inputs.append([[column[k] for column in input_columns] for k in range(steps["input"])])
        found.targets.append([[column[k] for column in output_columns] for k in range(steps["output"])])
    return found


def reference_times(steps: dict[str, Any], inputs: list[Rows]) -> list[int]:
    start = min(min(row[-2] for row in rows) for rows in inputs)
    end = min(max(row[-2] for row in rows) for rows in inputs)
    t = start // HOUR * HOUR - HOUR + round(Fraction(steps["offset_minutes"]) * MINUTE)
    step = round(Fraction(steps["step_minutes"]) * MINUTE)
    while t < start:
        t += step
    found = []
    while t <= end:
        found.append(t)
        t += step
    return found


def sample_times(t: int, start_hours: float, end_hours: float, count: int) -> list[int]:
    start, end = Fraction(start_hours) * HOUR, Fraction(end_hours) * HOUR
    if count == 1:
        return [t + round(start)]
    return [t + round(start + k * (end - start) / (count - 1)) for k in range(count)]


def series_column(entry: dict[str, Any], rows: Rows, t: int, count: int) -> list[float]:
    """The N values of one series in the window of t. Raises Dropped."""
    if entry["kind"] == "current":
        return [last_value(rows, t)] * count
    if entry["kind"] == "forecast":
        rows = newest_issue(rows, t)
    start, end = entry["horizon"]["start_hours"], entry["horizon"]["end_hours"]
    if entry["average"]:
        first, last = sample_times(t, start, end, 2)
        return [average(rows, first, last)] * count
    samples = sample_times(t, start, end, count)
    if entry["method"] == "linear":
        gap = entry["max_gap_minutes"]
        return each(linear, rows, samples, None if gap is None else round(Fraction(gap) * MINUTE))
    if entry["method"] == "nearest":
        return each(nearest, rows, samples)
    width = max(round((Fraction(end) - Fraction(start)) * HOUR / max(count - 1, 1)), 1)
    before = 0 if count == 1 else width // 2
    return each(step_mean, rows, samples, before, width - before)


def each(method: Any, rows: Rows, samples: list[int], *settings: Any) -> list[float]:
    values, causes = [], []
    for sample in samples:
        try:
            values.append(method(rows, sample, *settings))
        except Dropped as dropped:
            causes.append(dropped.first)
    if causes:
        raise Dropped(*causes)
    return values


def linear(rows: Rows, s: int, max_gap: int | None) -> float:
    within(rows, s)
    place = bisect_left(rows, s, key=time_of)
    after_time, after_value = rows[place][-2:]
    if after_time == s:
        return number(after_value)
    before_time, before_value = rows[place - 1][-2:]
    if max_gap is not None and after_time - before_time > max_gap:
        raise Dropped("gap")
    share = (s - before_time) / (after_time - before_time)
    return number(before_value + (after_value - before_value) * share)


def nearest(rows: Rows, s: int) -> float:
    within(rows, s)
    place = bisect_left(rows, s, key=time_of)
    candidates = rows[max(place - 1, 0) : place + 1]
    return number(min(candidates, key=lambda row: (abs(row[-2] - s), row[-2]))[-1])


def step_mean(rows: Rows, s: int, before: int, after: int) -> float:
    within(rows, s)
    return mean(rows, s - before, s + after)


def average(rows: Rows, first: int, last: int) -> float:
    causes = []
    if first < rows[0][-2]:
        causes.append("before")
    if last > rows[-1][-2]:
        causes.append("after")
    if causes:
        raise Dropped(*causes)
    return mean(rows, first, last)


def mean(rows: Rows, start: int, end: int) -> float:
    """Of the numbers with start <= time < end."""
    inside = rows[bisect_left(rows, start, key=time_of) : bisect_left(rows, end, key=time_of)]
    numbers = [row[-1] for row in inside if not math.isnan(row[-1])]
    if not numbers:
        raise Dropped("empty_average")
    return math.fsum(numbers) / len(numbers)


def last_value(rows: Rows, t: int) -> float:
    place = bisect_right(rows, t, key=time_of)
    if place == 0:
        raise Dropped("before")
    return number(rows[place - 1][-1])


def newest_issue(rows: Rows, t: int) -> Rows:
    known = [row for row in rows if row[0] <= t]
    if not known:
        raise Dropped("not_yet_issued")
    newest = max(row[0] for row in known)
    return sorted(row for row in known if row[0] == newest)


def within(rows: Rows, s: int) -> None:
    if s < rows[0][-2]:
        raise Dropped("before")
    if s > rows[-1][-2]:
        raise Dropped("after")


def number(value: float) -> float:
    if math.isnan(value):
        raise Dropped("not_a_number")
    return value


def time_of(row: tuple[Any, ...]) -> int:
    time: int = row[-2]
    return time
