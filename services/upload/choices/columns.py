"""Which column is forecast, and which others help: rules that fit in a sentence each."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.excerpt import MOST_COLUMNS, Excerpt
from services.upload.choices.refusals import listed, unfit_column, unknown_column
from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis, Column
from shared.problems import Category, ProblemError

_LEAST_SHARE = 0.5
"""A column with fewer numbers than this is not chosen by itself."""
_NAMES = frozenset({"target", "y", "value", "ziel", "wert"})
"""What people call the column that matters."""


def columns_to_read(analysis: Analysis, wishes: Wishes) -> list[str]:
    """The columns of numbers that the choices look at: those asked for, and the first ``MOST_COLUMNS``.

    Raises a problem for a name that no column of numbers has.
    """
    asked = [_number_column("targetColumns", name, analysis).name for name in wishes.target_columns or []] + [
        _number_column("inputColumns", name, analysis).name for name in wishes.input_columns or []
    ]
    first = [column.name for column in _numbers(analysis)[:MOST_COLUMNS]]
    return list(dict.fromkeys([*asked, *first]))


def choose_targets(analysis: Analysis, excerpt: Excerpt, wishes: Wishes) -> Chosen[list[str]]:
    """The columns to forecast. Raises DATA_VALIDATION for one that cannot be, or when there is none."""
    numbers = [column for column in _numbers(analysis) if column.name in excerpt.values]
    faults = {column.name: _fault(column, excerpt) for column in numbers}
    fit = [column for column in numbers if faults[column.name] is None]
    if wishes.target_columns is not None:
        asked = list(dict.fromkeys(wishes.target_columns))
        for name in asked:
            if _is_constant(_number_column("targetColumns", name, analysis)):
                others = [column.name for column in fit]
                raise unfit_column("targetColumns", name, "always has the same value, so it tells nothing", others)
        return Chosen(asked, ASKED)
    if not fit:
        raise _nothing_to_forecast(faults)
    named = [column for column in fit if _NAMES & set(re.split(r"\W+|_", column.label.casefold()))]
    if named:
        return Chosen([named[0].name], "Its name says that it is what matters.")
    fullest = max(math.floor(100 * column.numeric_share) for column in fit)
    best = next(column for column in fit if math.floor(100 * column.numeric_share) == fullest)
    return Chosen([best.name], _why_best(best, fit, fullest))


def possible_inputs(analysis: Analysis, excerpt: Excerpt, targets: Sequence[str]) -> list[str]:
    """Columns whose past may help to forecast the targets, in the file's order."""
    return [
        column.name
        for column in _numbers(analysis)
        if column.name in excerpt.values and column.name not in targets and _fault(column, excerpt) is None
    ]


def asked_inputs(analysis: Analysis, wishes: Wishes, targets: Sequence[str]) -> list[str]:
    """The further inputs that were asked for. Raises a problem for a name that no column of numbers has."""
    asked = [_number_column("inputColumns", name, analysis).name for name in wishes.input_columns or []]
    return [name for name in dict.fromkeys(asked) if name not in targets]


def _numbers(analysis: Analysis) -> list[Column]:
    return [column for column in analysis.columns if column.kind == "number"]


def _number_column(field: str, name: str, analysis: Analysis) -> Column:
    found = next((column for column in analysis.columns if column.name == name), None)
    numbers = [column.name for column in _numbers(analysis)]
    if found is None:
        raise unknown_column(field, name, numbers, what="column of numbers")
    if found.kind != "number":
        holds = "holds the times" if found.kind == "time" else "holds text, not numbers"
        raise unfit_column(field, name, holds, numbers)
    return found


def _fault(column: Column, excerpt: Excerpt) -> str | None:
    """Why this column tells nothing, None where it may."""
    if _is_constant(column):
        return "always has the same value"
    if column.numeric_share < _LEAST_SHARE:
        return f"holds numbers in {column.numeric_share:.0%} of its rows only"
    known = excerpt.values[column.name]
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.diff(known[np.isfinite(known)])
    if len(steps) > 1 and steps[0] != 0 and (steps == steps[0]).all():
        return "only counts the rows"
    return None


def _is_constant(column: Column) -> bool:
    return column.min is None or column.min == column.max


def _why_best(best: Column, fit: Sequence[Column], fullest: int) -> str:
    if len(fit) == 1:
        return "It is the only column of numbers that changes."
    others = [column.name for column in fit if column is not best]
    first = [column for column in fit if math.floor(100 * column.numeric_share) == fullest]
    rule = "the first column of numbers that changes" if len(first) == len(fit) else "the one with fewest gaps"
    return f"It is {rule}; there are also: {listed(others)}."


def _nothing_to_forecast(faults: dict[str, str | None]) -> ProblemError:
    found = [f"{name!r} {fault}" for name, fault in faults.items()]
    return ProblemError(
        Category.DATA_VALIDATION,
        title="There is nothing to forecast in this file",
        detail=f"No column of numbers changes: {listed(found)}.",
        recovery=["Upload a file with a column of numbers that change over time.", "Or name one in targetColumns."],
        technical_details={"columns": found[:100]},
    )
