"""From what the sample leads one to expect to what the whole file bears out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from shared.analysis.document import AnalysisOverrides, Kind
from shared.analysis.issues import issue_candidates, valid_times_first
from shared.analysis.plan import Plan
from shared.analysis.profile import settle_kind
from shared.analysis.refusal import refusal
from shared.analysis.timestamps import Candidate, find_times
from shared.analysis.whole import Whole, read_whole
from shared.problems import ProblemError
from shared.shares import TellShare, nobody, part_of

_AGAIN = 0.2


@dataclass(frozen=True)
class Settled:
    """A whole file, the ways to read its times, best first, and what each of its columns is."""

    whole: Whole
    candidates: Sequence[Candidate]
    kinds: Sequence[Kind]

    @property
    def chosen(self) -> Candidate:
        """The way that is taken."""
        return self.candidates[0]

    @cached_property
    def issues(self) -> list[Candidate]:
        """Further columns of times, which may say when a row's forecast was issued."""
        return issue_candidates(self.candidates)


def read_settled(plan: Plan, overrides: AnalysisOverrides, path: Path, tell: TellShare = nobody) -> Settled:
    """Read the file as planned, and again as often as it turns out to be otherwise; see :func:`read_whole`.

    Raises DATA_VALIDATION where no times or no numbers are found or values would be lost.
    """
    ahead = 1.0
    while True:
        # Most files need no second time: it takes a small part of the whole.
        whole = read_whole(plan, path, part_of(tell, 1.0 - ahead, 1.0 - _AGAIN * ahead))
        ahead *= _AGAIN
        candidates = valid_times_first(find_times(whole))
        better = _better_plan(whole, candidates, mark_given=overrides.decimal_mark is not None)
        if better is None:
            kinds = _kinds(whole, candidates, overrides)
            missed = {index for index, kind in enumerate(kinds) if kind == "number"} - {*plan.numbers}
            if not missed:
                break
            better = replace(plan, numbers=tuple(sorted({*plan.numbers, *missed})))
        plan = better
    if not candidates:
        raise _no_times(whole, kinds)
    return Settled(whole, candidates, kinds)


def _better_plan(whole: Whole, candidates: Sequence[Candidate], *, mark_given: bool) -> Plan | None:
    """Another plan where a column turned out to hold no times, or the other decimal mark may give more numbers."""
    plan = whole.plan
    remaining = replace(plan, readings=tuple(candidate.reading for candidate in candidates))
    if not plan.times <= remaining.times:
        return replace(remaining, numbers=_all_but(remaining.times, plan.numbers))
    profiles = [whole.profiles[index] for index in plan.values]
    numbers = sum(profile.numbers for profile in profiles)
    if plan.rival_numbers is None:
        worth_trying = sum(profile.other_mark_numbers for profile in profiles) > numbers
        return plan.with_other_mark(numbers=numbers) if worth_trying and not mark_given else None
    return plan.with_other_mark(numbers=numbers) if plan.rival_numbers > numbers else None


def _all_but(times: frozenset[int], numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(index for index in numbers if index not in times)


def _kinds(whole: Whole, candidates: Sequence[Candidate], overrides: AnalysisOverrides) -> list[Kind]:
    table = whole.table
    times = replace(whole.plan, readings=tuple(candidate.reading for candidate in candidates)).times
    values = [i for i in range(table.dialect.width) if i not in times and i not in overrides.text_columns]
    kinds: list[Kind] = ["time" if index in times else "text" for index in range(table.dialect.width)]
    for index in values:
        kinds[index] = settle_kind(table, index, whole.profiles[index], table.dialect.decimal_mark)
    if "number" not in kinds:
        raise _no_numbers(whole, [index for index in values if whole.profiles[index].unreadable])
    return kinds


def _no_numbers(whole: Whole, texts: Sequence[int]) -> ProblemError:
    table = whole.table
    first = whole.profiles[texts[0]].first_unreadable if texts else None
    return refusal(
        table.file_name,
        title="The file has no column of numbers",
        found="there is nothing to forecast: no column holds numbers.",
        line=table.line_numbers([first[0]])[0] if first else None,
        column=table.dialect.title(texts[0]) if texts else None,
        value=first[1] if first else None,
        recovery=[
            "Upload a CSV file with a column of times and at least one column of numbers.",
            "Write numbers as 1234.5 or 1234,5, without separators for thousands and without units.",
        ],
    )


def _no_times(whole: Whole, kinds: Sequence[Kind]) -> ProblemError:
    # What was meant as a time is most likely text; where all are numbers, times tend to come first.
    table = whole.table
    suspect = kinds.index("text") if "text" in kinds else 0
    return refusal(
        table.file_name,
        title="The file has no column of times",
        found="no column holds dates or times in a known format, so nothing says when its values were measured.",
        column=table.dialect.title(suspect),
        value=table.first_rows(1)[0][suspect],
        recovery=[
            "Upload a CSV file with one time per row, best as 2024-01-31 13:45 or 2024-01-31T13:45Z.",
            "31.01.2024 13:45, 31/01/2024 13:45, 01/31/2024 13:45 and seconds since 1970 are read, too.",
            "Or say with the upload in which column the times are and how they are written.",
        ],
    )
