"""Files of forecasts: beside the time that a value is for, the time at which it was issued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from shared.analysis.timestamps import Candidate


def valid_times_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, best first, where the best one might be the time of issue: then what it was issued for leads.

    That is a column whose times are never before the other's, and that repeats as the other does while the two
    together repeat less.
    """
    if not candidates or not _repeats(candidates[0]):
        return list(candidates)
    best = candidates[0]
    for candidate in _other_columns(candidates):
        if _repeats(candidate) and _never_after(best.times, candidate.times) and _together_say_more(best, candidate):
            return [candidate, *(other for other in candidates if other is not candidate)]
    return list(candidates)


def issue_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The other columns of times that may say when a row was known: never after the time that it is for."""
    return [candidate for candidate in _other_columns(candidates) if _never_after(candidate.times, candidates[0].times)]


def _other_columns(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """The best reading of each further column that surely holds times."""
    seen = {*candidates[0].reading.columns}
    for candidate in candidates:
        if candidate.reading.certain and seen.isdisjoint(candidate.reading.columns):
            seen.update(candidate.reading.columns)
            yield candidate


def _repeats(candidate: Candidate) -> bool:
    return candidate.steps.distinct <= candidate.steps.count


def _never_after(earlier: pl.Series, later: pl.Series) -> bool:
    return not (earlier > later).any()


def _together_say_more(one: Candidate, other: Candidate) -> bool:
    together = pl.DataFrame({"one": one.times, "other": other.times}).n_unique()
    return together > max(one.steps.distinct, other.steps.distinct)
