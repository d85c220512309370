"""Wishes that concern how the file itself is read: they need a new analysis and canonical copy."""

from __future__ import annotations

from typing import Any

from services.upload.analysis.document import Analysis
from services.upload.choices.refusals import unfit_column, unknown_column
from services.upload.choices.wishes import Wishes


def reading_asked(analysis: Analysis, wishes: Wishes) -> dict[str, Any] | None:
    """How the file is to be read instead (the analysis' overrides and ``timezone``); None where it is as it should be.

    Raises DATA_VALIDATION for a time column that the file does not have, or that does not read as times.
    """
    column = wishes.time_column
    if column is not None:
        _check_time_column(column, analysis)
    moved = column is not None and column != analysis.time_column
    shifted = wishes.timezone is not None and wishes.timezone != analysis.timezone
    if not (moved or shifted or wishes.time_format is not None):
        return None
    name = column or analysis.time_column
    index = next(entry.index for entry in analysis.columns if entry.name == name)
    return {
        "time_column": index,
        "time_format": wishes.time_format,
        "timezone": wishes.timezone or analysis.timezone,
    }


def _check_time_column(name: str, analysis: Analysis) -> None:
    candidates = list(dict.fromkeys(candidate.column for candidate in analysis.time_candidates))
    if name not in [column.name for column in analysis.columns]:
        raise unknown_column("timeColumn", name, candidates, what="column of times")
    if name not in candidates:
        raise unfit_column("timeColumn", name, "does not read as times", candidates)
