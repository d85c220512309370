"""What each column holds, counted over the whole file: numbers, signs for missing values, anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import polars as pl

from services.upload.analysis.cells import missing, number
from services.upload.analysis.document import DecimalMark, Kind, Unreadable
from services.upload.analysis.refusal import refusal, shorten
from services.upload.analysis.table import ROW, Table
from shared.problems import ProblemError

_TEXT_SHARE = 0.5
_LOST_SHARE = 0.05
"""A column of numbers may lose at most this share of its values; below ``_TEXT_SHARE`` numbers it is text."""


@dataclass(frozen=True)
class ColumnProfile:
    """Counts over all rows, blank ones included. ``numbers + missing + unreadable`` is their number."""

    numbers: int
    missing_tokens: Mapping[str, int]
    unreadable: int
    min: float | None
    max: float | None
    mean: float | None
    other_mark_numbers: int = 0
    """How many cells were numbers if the file's decimal mark were the other one."""

    @property
    def missing(self) -> int:
        """Cells that are empty or say that there is no value."""
        return sum(self.missing_tokens.values())

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.numbers + self.unreadable


Profiles = Mapping[int, ColumnProfile]


def profile_columns(table: Table, columns: Sequence[int], *, mark_given: bool) -> tuple[Profiles, DecimalMark]:
    """The profiles of these columns, and the decimal mark with which most of their cells are numbers.

    The dialect's mark comes from a sample: unless it was ``mark_given`` by a person, the other one is tried when
    cells of the whole file do not fit it.
    """
    mark = table.dialect.decimal_mark
    profiles = _profile(table, columns, mark)
    doubtful = [index for index in columns if profiles[index].unreadable]
    if not doubtful:
        return profiles, mark
    other: DecimalMark = "," if mark == "." else "."
    others = _profile(table, doubtful, other)
    if not mark_given and _numbers(others) > sum(profiles[index].numbers for index in doubtful):
        swapped = _profile(table, columns, other)
        if _numbers(swapped) > _numbers(profiles):
            return _compared(swapped, profiles), other
    return _compared(profiles, others), mark


def _compared(profiles: Profiles, others: Profiles) -> Profiles:
    return {
        index: replace(profile, other_mark_numbers=others[index].numbers) if index in others else profile
        for index, profile in profiles.items()
    }


def profile_times(table: Table, columns: Sequence[int], *, complete: bool) -> Profiles:
    """The profiles of columns that are times; ``complete``: none of their cells is empty."""
    tokens = _missing_tokens(table, [] if complete else columns)
    return {
        index: ColumnProfile(0, found, table.height - sum(found.values()), None, None, None)
        for index, found in ((index, tokens.get(index, {})) for index in columns)
    }


def _numbers(profiles: Profiles) -> int:
    return sum(profile.numbers for profile in profiles.values())


def _profile(table: Table, columns: Sequence[int], mark: DecimalMark) -> Profiles:
    if not columns:
        return {}
    cells = [pl.col(str(index)) for index in columns]
    typed = table.rows().select(
        *(number(cell, mark).alias(f"{index}") for index, cell in zip(columns, cells, strict=True)),
        *((cell.str.len_bytes() == 0).alias(f"{index} empty") for index, cell in zip(columns, cells, strict=True)),
    )
    facts = table.read(typed.select(expression for index in columns for expression in _facts(index))).row(0, named=True)
    profiles = {index: _column_profile(table.height, index, facts) for index in columns}
    doubtful = [index for index in columns if profiles[index].unreadable]
    for index, tokens in _missing_tokens(table, doubtful).items():
        profile = profiles[index]
        found = profile.missing + profile.unreadable - sum(tokens.values())
        profiles[index] = replace(profile, missing_tokens=tokens, unreadable=found)
    return profiles


def _facts(index: int) -> list[pl.Expr]:
    value = pl.col(f"{index}")
    return [
        value.count().alias(f"{index} numbers"),
        value.min().alias(f"{index} min"),
        value.max().alias(f"{index} max"),
        value.mean().alias(f"{index} mean"),
        pl.col(f"{index} empty").sum(),
    ]


def _column_profile(height: int, index: int, facts: Mapping[str, float | None]) -> ColumnProfile:
    numbers, empty = int(facts[f"{index} numbers"] or 0), int(facts[f"{index} empty"] or 0)
    mean = facts[f"{index} mean"]
    return ColumnProfile(
        numbers=numbers,
        missing_tokens={"": empty} if empty else {},
        unreadable=height - numbers - empty,
        min=facts[f"{index} min"],
        max=facts[f"{index} max"],
        # The sum of very large numbers can overflow.
        mean=mean if mean is not None and isfinite(mean) else None,
    )


def _missing_tokens(table: Table, columns: Sequence[int]) -> dict[int, dict[str, int]]:
    """For each of these columns the signs for missing values as written, and how often each occurs."""
    if not columns:
        return {}
    tokens = table.rows().select(
        pl.when(missing(pl.col(str(index)))).then(pl.col(str(index)).str.strip_chars()).alias(str(index))
        for index in columns
    )
    counted = tokens.unpivot().drop_nulls("value").group_by("variable", "value").len().sort("variable", "value")
    found: dict[int, dict[str, int]] = {index: {} for index in columns}
    for column, token, count in table.read(counted).iter_rows():
        found[int(column)][token] = count
    return found


def settle_kind(table: Table, index: int, profile: ColumnProfile, mark: DecimalMark) -> Kind:
    """Number or text. Raises DATA_VALIDATION when numbers would be lost: a column of numbers, but not nearly all."""
    if max(profile.numbers, profile.other_mark_numbers) < max(1, _TEXT_SHARE * profile.present):
        return "text"
    if profile.numbers < (1 - _LOST_SHARE) * profile.present:
        raise _loses_numbers(table, index, profile, mark)
    return "number"


def first_unreadable(table: Table, index: int, mark: DecimalMark) -> Unreadable:
    """The first cell of a column, known to have one, that is neither number nor missing."""
    cell = pl.col(str(index))
    unreadable = table.numbered_rows().filter(number(cell, mark).is_null() & ~missing(cell))
    row, value = table.read(unreadable.select(ROW, cell).head(1)).row(0)
    return Unreadable(line=table.line_numbers([row])[0], value=shorten(value))


def _loses_numbers(table: Table, index: int, profile: ColumnProfile, mark: DecimalMark) -> ProblemError:
    first = first_unreadable(table, index, mark)
    return refusal(
        table.file_name,
        title="Some values of a column are not numbers",
        found=f"{profile.unreadable:,} of {profile.present:,} values are not numbers "
        f"with decimal mark {mark!r}; reading on would lose them.",
        line=first.line,
        column=table.dialect.title(index),
        value=first.value,
        recovery=[
            "Write all numbers of the file with the same decimal mark and without separators for thousands.",
            "Leave a cell empty, or write NaN, where there is no value.",
        ],
    )
