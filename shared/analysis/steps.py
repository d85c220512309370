"""The distances of neighbouring times, counted: there are few different ones in most files, however long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

_SLICE_ROWS = 1_000_000


@dataclass(frozen=True)
class Steps:
    """``count`` distances in nanoseconds, one fewer than times; ``median`` and ``mode`` are None without any.

    ``forward`` and ``backward`` count those that are not negative and not positive, ``repeated`` those that are
    neither, ``regular`` those that are the median; ``distinct`` is the number of different times.
    """

    counts: pl.DataFrame
    """Each ``step`` and its ``count``, the shortest first."""
    count: int
    forward: int
    backward: int
    repeated: int
    regular: int
    distinct: int
    median: int | None
    mode: int | None

    def longer_than(self, step: float) -> int:
        """How many distances are longer."""
        return _counted(self.counts, pl.col("step") > step)


def steps_of(times: pl.Series) -> Steps:
    """The steps between these times, which have no nulls, in their order."""
    parts = [steps.value_counts(name="count") for _, steps in sliced_steps(times)]
    counts = pl.concat(parts).group_by("step").sum().sort("step") if parts else _NO_STEPS
    count = int(counts["count"].sum())
    if not count:
        return Steps(counts, 0, 0, 0, 0, 0, len(times), None, None)
    step, often = pl.col("step"), pl.col("count")
    median = counts.filter(often.cum_sum() > count // 2)["step"][0]
    mode = counts.filter(often == often.max())["step"][0]
    forward, backward, repeated = (_counted(counts, c) for c in (step >= 0, step <= 0, step == 0))
    return Steps(
        counts=counts,
        count=count,
        forward=forward,
        backward=backward,
        repeated=repeated,
        regular=_counted(counts, step == median),
        distinct=len(times) - repeated if count in (forward, backward) else times.n_unique(),
        median=median,
        mode=mode,
    )


_NO_STEPS = pl.DataFrame(schema={"step": pl.Int64, "count": pl.UInt32})


def sliced_steps(times: pl.Series) -> Iterator[tuple[int, pl.Series]]:
    """All steps in their order, a bounded number of them at a time, with the place of the first one's first time."""
    for start in range(0, len(times) - 1, _SLICE_ROWS):
        yield start, times.slice(start, _SLICE_ROWS + 1).cast(pl.Int64).diff().slice(1).alias("step")


def _counted(counts: pl.DataFrame, condition: pl.Expr) -> int:
    return int(counts.filter(condition)["count"].sum())
