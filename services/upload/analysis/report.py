"""The parts of the analysis that people read: columns, ways to read times, ambiguities, the first rows."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from services.upload.analysis.cells import blank
from services.upload.analysis.document import Ambiguity, Column, DecimalMark, Kind, TimeCandidate
from services.upload.analysis.formats import other_order
from services.upload.analysis.profile import Profiles, first_unreadable
from services.upload.analysis.refusal import shorten
from services.upload.analysis.table import Table
from services.upload.analysis.timestamps import Candidate

_PREVIEW_ROWS = 20
_PREVIEW_CHARACTERS = 200


def report_columns(
    table: Table, names: Sequence[str], kinds: Sequence[Kind], profiles: Profiles, mark: DecimalMark, blank_rows: int
) -> list[Column]:
    """One entry per column of the file, in its order; blank rows do not count as missing."""
    rows = table.height - blank_rows
    return [
        _report_column(table, index, names[index], kinds[index], profiles, mark, blank_rows, rows)
        for index in range(table.dialect.width)
    ]


def _report_column(
    table: Table, index: int, name: str, kind: Kind, profiles: Profiles, mark: DecimalMark, blank_rows: int, rows: int
) -> Column:
    profile = profiles[index]
    tokens = dict(profile.missing_tokens)
    if blank_rows:
        tokens[""] -= blank_rows
    lost = profile.unreadable if kind == "number" else 0
    return Column(
        index=index,
        name=name,
        label=table.dialect.labels[index],
        kind=kind,
        numeric_share=profile.numbers / rows,
        missing=profile.missing - blank_rows,
        missing_tokens={token: count for token, count in tokens.items() if count},
        unreadable=lost,
        first_unreadable=first_unreadable(table, index, mark) if lost else None,
        min=profile.min if kind == "number" else None,
        max=profile.max if kind == "number" else None,
        mean=profile.mean if kind == "number" else None,
    )


def report_candidates(candidates: Sequence[Candidate], names: Sequence[str], timezone: str) -> list[TimeCandidate]:
    """The ways to read times, in the order given."""
    return [
        TimeCandidate(
            index=candidate.reading.column,
            column=names[candidate.reading.column],
            clock_column=None if candidate.reading.clock_column is None else names[candidate.reading.clock_column],
            format=candidate.reading.name,
            score=candidate.score,
            timezone="UTC" if candidate.reading.has_offset else timezone,
            ambiguous=candidate.ambiguous,
        )
        for candidate in candidates
    ]


def report_ambiguities(
    candidates: Sequence[Candidate], names: Sequence[str], timezone: str, repeated: int
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
                detail="Several columns read as times; the one taken is the most regular.",
            )
        )
    if repeated:
        found.append(
            Ambiguity(
                subject="repeated_hour",
                column=name,
                choice="order of the rows",
                alternatives=[],
                detail=f"{repeated} rows lie in an hour that happens twice in {timezone}; "
                "which of the two is meant follows from the order of the rows.",
            )
        )
    return found


def report_preview(table: Table) -> list[list[str]]:
    """The first rows of data, cells as written, very long ones cut."""
    rows = table.read(table.rows().filter(~blank(pl.all())).head(_PREVIEW_ROWS)).rows()
    return [[shorten(cell, _PREVIEW_CHARACTERS) for cell in row] for row in rows]
