"""The parts of the analysis that people read: columns, ways to read times, ambiguities, the first rows."""

from __future__ import annotations

from collections.abc import Sequence

from shared.analysis.document import Ambiguity, Column, Kind, TimeCandidate, Unreadable
from shared.analysis.formats import other_order
from shared.analysis.profile import ColumnProfile
from shared.analysis.refusal import shorten
from shared.analysis.table import Table
from shared.analysis.timestamps import Candidate
from shared.analysis.whole import Whole
from shared.analysis.zone import Zone

_PREVIEW_ROWS = 20
_PREVIEW_CHARACTERS = 200


def report_columns(whole: Whole, names: Sequence[str], kinds: Sequence[Kind], blank_rows: int) -> list[Column]:
    """One entry per column of the file, in its order; blank rows do not count as missing."""
    return [
        _report_column(whole, index, name, kind, blank_rows)
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]


def _report_column(whole: Whole, index: int, name: str, kind: Kind, blank_rows: int) -> Column:
    profile = whole.profiles[index]
    tokens = dict(profile.missing_tokens)
    if blank_rows:
        tokens[""] -= blank_rows
    number = kind == "number"
    rows, missing = whole.height - blank_rows, profile.missing - blank_rows
    return Column(
        index=index,
        name=name,
        label=whole.table.dialect.labels[index],
        kind=kind,
        numeric_share=0.0 if kind == "time" else profile.numbers / rows,
        missing=missing,
        missing_share=missing / rows,
        missing_tokens={token: count for token, count in tokens.items() if count},
        unreadable=profile.unreadable if number else 0,
        first_unreadable=_first_unreadable(whole, profile) if number else None,
        min=profile.min if number else None,
        max=profile.max if number else None,
        mean=profile.mean if number else None,
    )


def _first_unreadable(whole: Whole, profile: ColumnProfile) -> Unreadable | None:
    if profile.first_unreadable is None:
        return None
    row, value = profile.first_unreadable
    return Unreadable(line=whole.table.line_numbers([row])[0], value=value)


def report_candidates(candidates: Sequence[Candidate], names: Sequence[str], zone: Zone) -> list[TimeCandidate]:
    """The ways to read times, in the order given."""
    return [
        TimeCandidate(
            index=candidate.reading.column,
            column=names[candidate.reading.column],
            clock_column=None if candidate.reading.clock_column is None else names[candidate.reading.clock_column],
            format=candidate.reading.name,
            score=candidate.score,
            timezone="UTC" if candidate.reading.has_offset else zone.name,
            ambiguous=candidate.ambiguous,
        )
        for candidate in candidates
    ]


def report_ambiguities(
    candidates: Sequence[Candidate], names: Sequence[str], zone: Zone, repeated: int
) -> list[Ambiguity]:
    """What could have been read otherwise. ``repeated``: rows whose local time happens twice."""
    chosen = candidates[0].reading
    name = names[chosen.column]
    found = []
    if candidates[0].ambiguous:
        others = [c.reading.name for c in candidates[1:] if c.reading.order == other_order(chosen.order)]
        found.append(
            Ambiguity(
                subject="day_month",
                column=name,
                choice=chosen.name,
                alternatives=others,
                detail="No day in the file is above 12, so day and month could be exchanged.",
            )
        )
    columns = dict.fromkeys(names[candidate.reading.column] for candidate in candidates)
    if len(columns) > 1:
        found.append(
            Ambiguity(
                subject="time_column",
                column=name,
                choice=name,
                alternatives=[column for column in columns if column != name],
                detail="Several columns read as times; the most regular was taken, or the one that forecasts are for.",
            )
        )
    if zone.source == "assumed":
        found.append(
            Ambiguity(
                subject="timezone",
                column=name,
                choice=zone.name,
                alternatives=[],
                detail="The times say neither their offset from UTC nor their zone; they were taken for UTC.",
            )
        )
    if repeated:
        found.append(
            Ambiguity(
                subject="repeated_hour",
                column=name,
                choice="order of the rows",
                alternatives=[],
                detail=f"{repeated} rows lie in an hour that happens twice in {zone.name}; "
                "which of the two is meant follows from the order of the rows.",
            )
        )
    return found


def report_preview(table: Table) -> list[list[str]]:
    """The first rows of data, cells as written, very long ones cut."""
    return [[shorten(cell, _PREVIEW_CHARACTERS) for cell in row] for row in table.first_rows(_PREVIEW_ROWS)]
