"""The canonical copy: typed, sorted, one row per time (of forecasts, per time and issue), as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from shared.analysis.document import Kind

TIME = "time"
"""Name of the canonical copy's time column; no column of numbers bears it."""

# Labels are stripped: no column's name begins with a blank.
_KEPT = " kept"
_ROW_GROUP_ROWS = 262_144
_ROW_GROUP_VALUES = 4_000_000
_SORTED_AT_ONCE = 16_000_000
"""Values that are sorted in memory; what is larger is sorted in as many parts as it takes."""


def canonical_names(labels: Sequence[str], kinds: Sequence[Kind]) -> list[str]:
    """A name for each column: its label, or "column N", followed by (2), (3), … where another has it already.

    A column of numbers never gets ``TIME``, which is the canonical copy's own.
    """
    reserved = {label for label in labels if label} | {TIME}
    given: set[str] = set()
    names: list[str] = []
    for index, (label, kind) in enumerate(zip(labels, kinds, strict=True)):
        wanted = label or f"column {index + 1}"
        clashes = wanted in given or (not label and wanted in reserved) or (wanted == TIME and kind == "number")
        name = _numbered(wanted, given | reserved) if clashes else wanted
        given.add(name)
        names.append(name)
    return names


def _numbered(name: str, taken: set[str]) -> str:
    count = 2
    while f"{name} ({count})" in taken:
        count += 1
    return f"{name} ({count})"


def sink(rows: pl.LazyFrame, path: Path, *, columns: int) -> None:
    """Write rows in bounded memory. The same rows give the same bytes."""
    rows.sink_parquet(
        path,
        compression="lz4",
        row_group_size=max(1, min(_ROW_GROUP_ROWS, _ROW_GROUP_VALUES // (columns + 1))),
        statistics=False,
    )


def write_canonical(
    source: Path,
    numbers: Mapping[str, str],
    issues: Mapping[str, pl.Series],
    *,
    utc: pl.Series,
    kept: pl.Series,
    path: Path,
) -> None:
    """Write ``TIME`` and ``issues`` (UTC, nanoseconds) and one float64 column for each of ``numbers`` to ``path``.

    ``source`` is a Parquet file with these numbers, by the names that they have there and get here; ``utc`` has the
    time of each of its rows, and ``kept`` says which of them are written.
    """
    times_by_name = {TIME: utc, **issues}
    width = len(numbers) + len(issues)
    rows = pl.concat(
        [
            pl.LazyFrame([one.dt.replace_time_zone("UTC").alias(name) for name, one in times_by_name.items()]),
            pl.LazyFrame([kept.alias(_KEPT)]),
            pl.scan_parquet(source).select(pl.col(there).alias(here) for there, here in numbers.items()),
        ],
        how="horizontal",
    )
    rows = rows.filter(_KEPT).drop(_KEPT)
    times = utc.filter(kept)
    if not times.is_sorted():
        rows = _sorted(rows, times, columns=width)
    sink(rows, path, columns=width)


def _sorted(rows: pl.LazyFrame, times: pl.Series, *, columns: int) -> pl.LazyFrame:
    """The rows in order of their times, equal ones as they came: one stretch of time after the other."""
    begins = times.sort().gather_every(max(1, _SORTED_AT_ONCE // (columns + 1))).unique(maintain_order=True)
    begins = begins.cast(pl.Int64)
    ends = begins.shift(-1)

    def stretches(*_: object) -> Iterator[pl.DataFrame]:
        time = pl.col(TIME).cast(pl.Int64)
        for begin, end in zip(begins, ends, strict=True):
            inside = time >= begin if end is None else time.is_between(begin, end, closed="left")
            yield rows.filter(inside).collect(engine="streaming").sort(TIME, maintain_order=True)

    return register_io_source(stretches, schema=rows.collect_schema())
