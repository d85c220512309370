"""Parts of the windows the slow, readable way, straight from the page of algorithms (section 5)."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import Any

from tests.reference.windows import HOUR, Rows, sample_times, time_of


def chronological_parts(document: dict[str, Any], rows: list[Rows], references: list[int]) -> dict[str, list[int]]:
    """Indices of the windows in train, validation and test; with the embargo some are in none."""
    split, count = document["split"], len(references)
    train_count, validation_count = round(split["train"] * count), round(split["validation"] * count)
    train = list(range(train_count))
    validation = list(range(train_count, train_count + validation_count))
    test = list(range(train_count + validation_count, count))
    if split["embargo"]:
        validation = those_before(document, rows, references, validation, test)
        train = those_before(document, rows, references, train, validation or test)
    return {"train": train, "validation": validation, "test": test}


def those_before(
    document: dict[str, Any], rows: list[Rows], references: list[int], earlier: list[int], later: list[int]
) -> list[int]:
    """Those windows that end before the later part's span begins."""
    if not later:
        return earlier
    series = [place for place, entry in enumerate(document["series"]) if entry["kind"] != "current"]
    first = references[later[0]]
    begins = min([first, *(min(samples(document, place, first)) for place in series)])
    return [
        window
        for window in earlier
        if max([references[window], *(reaches(document, rows, place, references[window]) for place in series)]) < begins
    ]


def samples(document: dict[str, Any], place: int, t: int) -> list[int]:
    """The sample times of one series."""
    entry = document["series"][place]
    count = document["time_steps"]["input" if entry["role"] == "input" else "output"]
    start, end = entry["horizon"]["start_hours"], entry["horizon"]["end_hours"]
    return sample_times(t, start, end, 2 if entry["average"] else count)


def reaches(document: dict[str, Any], rows: list[Rows], place: int, t: int) -> int:
    """The latest time that a window depends on: its last sample, or beyond."""
    entry = document["series"][place]
    last = samples(document, place, t)[-1]
    if entry["method"] == "mean":
        count = document["time_steps"]["input" if entry["role"] == "input" else "output"]
        width = Fraction(entry["horizon"]["end_hours"]) - Fraction(entry["horizon"]["start_hours"])
        step = max(round(width * HOUR / max(count - 1, 1)), 1)
        # Half open: the last nanosecond that belongs to it.
        return last + (step if count == 1 else step - step // 2) - 1
    if entry["average"] or entry["kind"] == "forecast":
        return last
    behind = bisect_left(rows[place], last, key=time_of)
    return max(last, time_of(rows[place][min(behind, len(rows[place]) - 1)]))
