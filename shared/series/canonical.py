"""Series from a file's canonical copy: ``time`` (UTC), number columns, and for forecasts columns of issue times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from shared.problems import Category, ProblemError
from shared.series.configuration import SeriesConfiguration
from shared.series.series import Series, Times

TIME = "time"


def read_series(path: Path, entry: SeriesConfiguration, file_name: str) -> Series:
    """One column of one file. Raises a problem for a file without rows, or one that does not fit the entry's kind."""
    columns = pl.read_parquet_schema(path)
    if entry.issue_column is not None and not isinstance(columns.get(entry.issue_column), pl.Datetime):
        raise _does_not_fit(
            f"{file_name} has no times in column {entry.issue_column!r}, so nothing says when each row was known.",
            "Name the column with the issue times as issue_column.",
        )
    wanted = [TIME, str(entry.value_column), *([entry.issue_column] if entry.issue_column else [])]
    table = pl.read_parquet(path, columns=wanted).drop_nulls([name for name in wanted if name != entry.value_column])
    if table.is_empty():
        raise ProblemError(
            Category.INSUFFICIENT_DATA,
            title="A file has no rows",
            detail=f"{file_name} holds no row with a readable time.",
            recovery=["Check the file's time column in its analysis."],
        )
    key = [name for name in wanted if name != entry.value_column]
    if table.select(pl.struct(key).is_duplicated().any()).item():
        raise _does_not_fit(
            f"{file_name} has several values for one time.",
            "Use kind forecast with the issue_column that tells them apart."
            if entry.kind != "forecast"
            else "Keep one row for each issue time and time.",
        )
    values = table[str(entry.value_column)].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    issues = None if entry.issue_column is None else _nanoseconds(table[entry.issue_column])
    return Series(entry.label, _nanoseconds(table[TIME]), np.ascontiguousarray(values), issues)


def _nanoseconds(times: pl.Series) -> Times:
    stamps = times.cast(pl.Datetime("ns", "UTC")).dt.timestamp("ns").to_numpy()
    return np.ascontiguousarray(stamps, dtype=np.int64)


def _does_not_fit(detail: str, recovery: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION, title="A file does not fit its use", detail=detail, recovery=[recovery]
    )
