"""Saying that a wish cannot be met, and what could be meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from shared.problems import Category, ProblemError

_LISTED = 30


def unknown_column(field: str, name: str, known: Sequence[str], *, what: str = "column") -> ProblemError:
    """A DATA_VALIDATION problem for a name that no such column has, with those that there are."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [
        column for column in known if column.casefold() == name.casefold()
    ]
    return ProblemError(
        Category.DATA_VALIDATION,
        title=f"There is no such {what}",
        detail=f"{field}: {name!r} is no {what} of the file; there are: {listed(known)}.",
        recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of those that exist."],
        technical_details={"field": field, "value": name, "known": list(known[:_LISTED])},
    )


def unfit_column(field: str, name: str, why: str, others: Sequence[str]) -> ProblemError:
    """A DATA_VALIDATION problem for a column that exists and cannot be used so."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The column cannot be used for that",
        detail=f"{field}: {name!r} {why}.",
        recovery=[f"Choose another column: {listed(others)}." if others else "Upload a file with other columns."],
        technical_details={"field": field, "value": name},
    )


def repeated_times() -> ProblemError:
    """A DATA_VALIDATION problem for a file of forecasts, which has a value from each issue for the same time."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="Several rows are for the same time",
        detail="The file has forecasts of several issues for the same times, so no series can be read from it.",
        recovery=[
            "Upload a file with one row for each time, such as the newest issue alone.",
            "Or upload it for a session and use it with kind forecast, beside a file of what was measured.",
        ],
    )


def listed(names: Sequence[str]) -> str:
    """The names in a sentence; of very many the first ones."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
