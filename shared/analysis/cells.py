"""What one cell holds: nothing, a number, or something else. In Python for samples, in Polars for whole columns."""

from __future__ import annotations

import re

import polars as pl

from shared.analysis.document import DecimalMark

MISSING_TOKENS = ("", "nan", "na", "n/a", "null", "none", "-")
"""Signs for a missing value, in lower case."""

_NUMBER = {
    ".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"),
    ",": re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?"),
}


def other_mark(mark: DecimalMark) -> DecimalMark:
    """A comma for a point and the other way round."""
    return "," if mark == "." else "."


def is_missing(cell: str) -> bool:
    """Whether the cell is empty or says that there is no value."""
    return cell.strip().lower() in MISSING_TOKENS


def is_number(cell: str, decimal_mark: str) -> bool:
    """Whether the cell is a number written with this decimal mark."""
    return _NUMBER[decimal_mark].fullmatch(cell.strip()) is not None


def missing(column: pl.Expr) -> pl.Expr:
    """:func:`is_missing` of a text column."""
    return column.str.strip_chars().str.to_lowercase().is_in(MISSING_TOKENS)


def blank(columns: pl.Expr) -> pl.Expr:
    """Whether all of these text columns are empty in a row."""
    return pl.all_horizontal(columns.str.strip_chars() == "")


def number(column: pl.Expr, decimal_mark: DecimalMark) -> pl.Expr:
    """The finite number in each cell of a text column, else null.

    With a decimal comma a cell that has a point is no number: 1.234 could mean a thousand times as much.
    """
    text = column.str.strip_chars()
    if decimal_mark == ",":
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)
