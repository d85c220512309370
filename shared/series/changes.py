"""Changes to a configuration that may give more windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.series.configuration import LEAST_STEP_MINUTES, Configuration, SeriesConfiguration

_TRIED_SERIES = 8


@dataclass(frozen=True, slots=True)
class Change:
    """A change in words, and as settings by their paths; one that is None is to be left out.

    ``places`` are those that the changed configuration's series had before.
    """

    words: str
    settings: dict[str, Any]
    configuration: Configuration
    places: tuple[int, ...]


def changes(configuration: Configuration, dropped: list[dict[str, Any]], ends_first: list[int]) -> Iterator[Change]:
    """To the split, to the grid, and to the series that cost most windows.

    Those are the ones for which most were ``dropped`` (see ``drops.py``), and those, by their places, whose end is the
    end of all windows.
    """
    split, steps = configuration.split, configuration.time_steps
    if split.embargo and not split.shuffle:
        open_split = split.model_copy(update={"embargo": False})
        yield _with(configuration, "Set split.embargo to false", {"split.embargo": False}, split=open_split)
    if steps.step_minutes / 2 >= LEAST_STEP_MINUTES:
        half = steps.model_copy(update={"step_minutes": steps.step_minutes / 2})
        yield _with(
            configuration,
            f"Set time_steps.step_minutes to {half.step_minutes:g}",
            {"time_steps.step_minutes": half.step_minutes},
            time_steps=half,
        )
    counts: Counter[tuple[str, str]] = Counter()
    for entry in dropped:
        counts[entry["role"], entry["series"]] += entry["windows"]
    worst = {key for key, _ in counts.most_common(_TRIED_SERIES)}
    for place, one in enumerate(configuration.series):
        if (one.role, one.label) in worst or place in ends_first:
            yield from _changes_of(configuration, place, one)


def _changes_of(configuration: Configuration, place: int, one: SeriesConfiguration) -> Iterator[Change]:
    where = f"series.{place}"
    if one.max_gap_minutes is not None:
        words = f"Leave out {where}.max_gap_minutes ({one.label!r})"
        yield _with_series(configuration, words, place, {f"{where}.max_gap_minutes": None}, max_gap_minutes=None)
    if one.interpolates:
        words = f"Set {where}.method ({one.label!r}) to mean, which skips what is no number"
        averaged = {f"{where}.method": "mean", f"{where}.max_gap_minutes": None}
        yield _with_series(configuration, words, place, averaged, method="mean", max_gap_minutes=None)
    start, end = one.horizon.start_hours, one.horizon.end_hours
    if one.kind != "current" and start < end:
        # Half as long, on the side of the reference time.
        middle = (start + end) / 2
        start, end = (middle, end) if end <= 0 else (start, middle)
        words = f"Shorten {where}.horizon ({one.label!r}) to {start:g} to {end:g} hours"
        shorter = one.horizon.model_copy(update={"start_hours": start, "end_hours": end})
        settings = {f"{where}.horizon.start_hours": start, f"{where}.horizon.end_hours": end}
        yield _with_series(configuration, words, place, settings, horizon=shorter)
    if sum(series.role == one.role for series in configuration.series) > 1:
        rest = tuple(other for other in range(len(configuration.series)) if other != place)
        without = configuration.model_copy(update={"series": [configuration.series[other] for other in rest]})
        yield Change(f"Leave out {one.role} {one.label!r}", {where: None}, without, rest)


def _with(configuration: Configuration, words: str, settings: dict[str, Any], **update: Any) -> Change:
    return Change(words, settings, configuration.model_copy(update=update), tuple(range(len(configuration.series))))


def _with_series(
    configuration: Configuration, words: str, place: int, settings: dict[str, Any], **update: Any
) -> Change:
    series = list(configuration.series)
    series[place] = series[place].model_copy(update=update)
    return _with(configuration, words, settings, series=series)
