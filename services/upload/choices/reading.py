"""Wishes that concern how the file itself is read: they need a new analysis and canonical copy."""

from __future__ import annotations

from services.upload.choices.refusals import unfit_column, unknown_column
from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis, AnalysisOverrides


def reading_asked(analysis: Analysis, wishes: Wishes) -> AnalysisOverrides | None:
    """How the file is to be read instead; None where it is as it should be.

    What was decided of the file before stays, but for what is asked for now. Raises DATA_VALIDATION for a time column
    that the file does not have, or that does not read as times.
    """
    if wishes.time_column is not None:
        _check_time_column(wishes.time_column, analysis)
    asked = analysis.overrides
    name = wishes.time_column or analysis.time_column
    if name != analysis.time_column:
        # A clock, a format and an order of day and month were meant for the other column.
        asked = asked.model_copy(update={"clock_column": None, "time_format": None, "day_first": None})
    if name != analysis.time_column or wishes.time_format is not None:
        index = next(entry.index for entry in analysis.columns if entry.name == name)
        asked = asked.model_copy(update={"time_column": index})
    if wishes.time_format is not None:
        asked = asked.model_copy(update={"time_format": wishes.time_format, "day_first": None})
    # Where the times say their offset, the zone is the calendar's alone; another column's may not say it.
    says_offset = analysis.timezone_source == "offset" and asked == analysis.overrides
    if wishes.timezone not in (None, analysis.timezone) and not says_offset:
        asked = asked.model_copy(update={"timezone": wishes.timezone})
    return None if asked == analysis.overrides else asked


def _check_time_column(name: str, analysis: Analysis) -> None:
    candidates = list(dict.fromkeys(candidate.column for candidate in analysis.time_candidates))
    if name not in [column.name for column in analysis.columns]:
        raise unknown_column("timeColumn", name, candidates, what="column of times")
    if name not in candidates:
        raise unfit_column("timeColumn", name, "does not read as times", candidates)
