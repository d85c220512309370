"""Not enough data, as an answer: how many windows there are, how many are needed, and what would help most.

What would help is computed: each change is tried on the series at hand and its windows are counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from shared.problems import Category, ProblemError
from shared.series.changes import Change, changes
from shared.series.configuration import Configuration
from shared.series.maker import SeriesByPlace
from shared.series.reach import sample_span
from shared.series.selection import Selection, select_windows
from shared.series.series import NANOSECONDS_PER_HOUR

_SHOWN = 2
_HOURS_PER_DAY = 24
_LOOKED_AT = 50_000_000
"""Reference times, of all series and all changes together, that are looked at to find what helps."""


def windows_needed(configuration: Configuration, step: int) -> int:
    """How many windows in a row, ``step`` ns apart, leave at least one in each part."""
    split, (earliest, latest) = configuration.split, sample_span(configuration)
    overlapping = (latest - earliest) // step if split.embargo and not split.shuffle else 0

    def suffices(count: int) -> bool:
        train, validation = round(split.train * count), round(split.validation * count)
        kept = max(validation - overlapping, 0)
        lost = overlapping if kept else max(overlapping - validation, 0)
        return train > lost and count > train + validation and (kept > 0 or split.validation == 0)

    enough = 1
    while not suffices(enough):
        enough *= 2
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if suffices(middle) else (middle, enough)
    return enough


def not_enough(
    configuration: Configuration, series: SeriesByPlace, found: Selection, report: dict[str, Any]
) -> ProblemError:
    """The INSUFFICIENT_DATA problem of a configuration that leaves a part without windows."""
    step, windows = found.maker.references.step, len(found.reference_times)
    # Windows in a row may suffice where as many with holes between them do not.
    needed = max(windows_needed(configuration, step), windows + 1)
    ends_first = _ends_first(configuration, series)
    best = _best_changes(series, found, changes(configuration, report["dropped"], ends_first))
    earliest, latest = sample_span(configuration)
    hours = math.ceil(((needed - windows) * step + (0 if windows else latest - earliest)) / NANOSECONDS_PER_HOUR)
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data points",
        detail=f"The series give {windows} windows, {found.used} of them outside of embargoes, and none is left for "
        f"{' and '.join(found.missing)}; {needed} in a row are needed.",
        recovery=[
            *(f"{change.words}: that gives {outcome.used} windows{_still(outcome)}." for change, outcome in best),
            f"Upload about {hours} more hours{_days(hours)} of {_named(configuration, ends_first)}.",
        ],
        technical_details={
            "windows": windows,
            "used": found.used,
            "needed": needed,
            "missing": found.missing,
            "hours_missing": hours,
            "changes": [
                {
                    "change": change.words,
                    "set": change.settings,
                    "windows": len(outcome.reference_times),
                    "used": outcome.used,
                    "missing": outcome.missing,
                }
                for change, outcome in best
            ],
            **report,
        },
    )


def _best_changes(
    series: SeriesByPlace, found: Selection, possible: Iterator[Change]
) -> list[tuple[Change, Selection]]:
    """The changes after which most windows can be used, of those that suffice before those that do not."""
    affordable = max(_SHOWN, _LOOKED_AT // (max(found.maker.references.count, 1) * len(series)))
    tried = [(change, _outcome(change, series)) for change in islice(possible, affordable)]
    helpful = [(change, outcome) for change, outcome in tried if outcome and _rank(outcome) > _rank(found)]
    return sorted(helpful, key=lambda pair: _rank(pair[1]), reverse=True)[:_SHOWN]


def _ends_first(configuration: Configuration, series: SeriesByPlace) -> list[int]:
    """The places of the inputs whose last row ends the reference times; none where all inputs end together."""
    ends = {place: series[place].last for place, entry in enumerate(configuration.series) if entry.role == "input"}
    first = [place for place, end in ends.items() if end == min(ends.values())]
    return first if len(first) < len(ends) else []


def _named(configuration: Configuration, places: list[int]) -> str:
    names = " and ".join(repr(configuration.series[place].label) for place in places)
    return f"{names}, which ends before the other inputs" if names else "every series"


def _days(hours: int) -> str:
    return f" ({hours / _HOURS_PER_DAY:.3g} days)" if hours >= 2 * _HOURS_PER_DAY else ""


def _outcome(change: Change, series: SeriesByPlace) -> Selection | None:
    """What the change gives; None where it would make the dataset too large."""
    try:
        return select_windows(
            change.configuration, {place: series[original] for place, original in enumerate(change.places)}
        )
    except ProblemError as error:
        if error.problem.category is not Category.RESOURCE_EXHAUSTION:
            raise
        return None


def _rank(found: Selection) -> tuple[bool, int]:
    return not found.missing, found.used


def _still(found: Selection) -> str:
    return f", still none for {' and '.join(found.missing)}" if found.missing else ""
