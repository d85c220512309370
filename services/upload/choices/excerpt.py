"""The part of a canonical copy that choices look at: its newest rows, so that a huge file costs no more than a large
one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from services.upload.choices.refusals import repeated_times
from shared.series.series import Times, Values

MOST_ROWS = 200_000
MOST_COLUMNS = 32
_TIME = "time"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``times`` (n,) in ns since the epoch, UTC, rising; each column's ``values`` (n,), NaN where there is no number.

    ``first`` and ``last`` are the whole file's, in ns.
    """

    times: Times
    values: Mapping[str, Values]
    first: int

    @property
    def last(self) -> int:
        """The file's last time."""
        return int(self.times[-1])


def read_excerpt(path: Path, columns: Sequence[str]) -> Excerpt:
    """The newest ``MOST_ROWS`` rows of these columns of a canonical copy, which has at least one row.

    Raises a DATA_VALIDATION problem where a time has several rows.
    """
    rows = pl.scan_parquet(path)
    # Times are in order, so the same ones are neighbours.
    if rows.select((pl.col(_TIME).diff() == timedelta(0)).any()).collect().item():
        raise repeated_times()
    first = rows.select(pl.col(_TIME).first().dt.timestamp("ns")).collect().item()
    newest = rows.select(_TIME, *columns).tail(MOST_ROWS).collect()
    times = newest[_TIME].dt.timestamp("ns").to_numpy()
    return Excerpt(
        times=np.ascontiguousarray(times, dtype=np.int64),
        values={name: newest[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in columns},
        first=int(first),
    )
