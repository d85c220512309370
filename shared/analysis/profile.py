"""What each column holds, counted over the whole file: numbers, signs for missing values, anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import polars as pl

from shared.analysis.cells import MISSING_TOKENS, number, other_mark
from shared.analysis.document import DecimalMark, Kind
from shared.analysis.refusal import refusal, shorten
from shared.analysis.table import Table
from shared.problems import ProblemError

_VALUE = pl.col("value")
_LOW_HIGH_TOTAL = (_VALUE.min().alias("low"), _VALUE.max().alias("high"), _VALUE.sum().alias("total"))
_TEXT_SHARE = 0.5
_LOST_SHARE = 0.05
"""A column of numbers may lose at most this share of its values; below ``_TEXT_SHARE`` numbers it is text."""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a column of finite numbers and empty cells comes to; without numbers there is no ``min`` and ``max``."""

    numbers: int
    empty: int
    min: float | None
    max: float | None
    total: float


@dataclass
class ColumnProfile:
    """Counts over the rows read so far, blank ones included; they are ``numbers + missing + unreadable``."""

    numbers: int = 0
    missing_tokens: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    first_unreadable: tuple[int, str] | None = None
    """Its row and its text."""
    min: float | None = None
    max: float | None = None
    total: float = 0.0
    other_mark_numbers: int = 0
    """At most so many cells were numbers if the file's decimal mark were the other one."""

    @property
    def missing(self) -> int:
        """Cells that are empty or say that there is no value."""
        return self.missing_tokens.total()

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.numbers + self.unreadable

    @property
    def mean(self) -> float | None:
        """None without numbers, and where their sum is too large for a float."""
        return self.total / self.numbers if self.numbers and isfinite(self.total) else None

    def add_numbers(self, facts: NumberFacts) -> None:
        """Numbers and empty cells."""
        if facts.empty:
            self.missing_tokens[""] += facts.empty
        if facts.min is None or facts.max is None:
            return
        self.numbers += facts.numbers
        self.other_mark_numbers += facts.numbers
        self.min = facts.min if self.min is None else min(facts.min, self.min)
        self.max = facts.max if self.max is None else max(facts.max, self.max)
        self.total += facts.total

    def add_missing(self, texts: pl.Series) -> None:
        """Cells of which only those are counted that are empty or say that there is no value."""
        stripped = texts.str.strip_chars()
        tokens = stripped.filter(stripped.str.to_lowercase().is_in(MISSING_TOKENS))
        self.missing_tokens.update(dict(tokens.value_counts().iter_rows()))

    def add_texts(self, texts: pl.Series, mark: DecimalMark, *, first_row: int) -> pl.Series:
        """Cells of every kind, the first of them in ``first_row``; the number in each."""
        column = pl.col(texts.name)
        values = texts.to_frame().select(number(column, mark)).to_series()
        ((low, high, total),) = values.to_frame("value").select(*_LOW_HIGH_TOTAL).rows()
        self.add_numbers(NumberFacts(values.count(), 0, low, high, total))
        if values.null_count():
            missing_before = self.missing
            self.add_missing(texts.filter(values.is_null()))
            unreadable = values.null_count() - (self.missing - missing_before)
            self._add_unreadable(texts, values, unreadable, mark, first_row)
        return values

    def _add_unreadable(
        self, texts: pl.Series, values: pl.Series, count: int, mark: DecimalMark, first_row: int
    ) -> None:
        if not count:
            return
        self.unreadable += count
        readings = texts.to_frame().select(number(pl.col(texts.name), other_mark(mark))).to_series()
        self.other_mark_numbers += readings.count() - values.count()
        if self.first_unreadable is None:
            missing = texts.str.strip_chars().str.to_lowercase().is_in(MISSING_TOKENS)
            row = (values.is_null() & ~missing).arg_true()[0]
            self.first_unreadable = first_row + row, shorten(texts[row])


Profiles = Mapping[int, ColumnProfile]


def settle_kind(table: Table, index: int, profile: ColumnProfile, mark: DecimalMark) -> Kind:
    """Number or text. Raises DATA_VALIDATION when numbers would be lost: a column of numbers, but not nearly all."""
    if max(profile.numbers, profile.other_mark_numbers) < max(1, _TEXT_SHARE * profile.present):
        return "text"
    if profile.numbers < (1 - _LOST_SHARE) * profile.present:
        raise _loses_numbers(table, index, profile, mark)
    return "number"


def _loses_numbers(table: Table, index: int, profile: ColumnProfile, mark: DecimalMark) -> ProblemError:
    row, value = profile.first_unreadable or (0, "")
    return refusal(
        table.file_name,
        title="Some values of a column are not numbers",
        found=f"{profile.unreadable:,} of {profile.present:,} values are not numbers "
        f"with decimal mark {mark!r}; reading on would lose them.",
        line=table.line_numbers([row])[0],
        column=table.dialect.title(index),
        value=value,
        recovery=[
            "Write all numbers of the file with the same decimal mark and without separators for thousands.",
            "Leave a cell empty, or write NaN, where there is no value.",
        ],
    )
