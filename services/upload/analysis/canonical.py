"""The canonical copy: typed, sorted, one row per time, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from services.upload.analysis.cells import number
from services.upload.analysis.document import DecimalMark, Kind
from services.upload.analysis.table import Table

TIME = "time"
"""Name of the canonical copy's time column; no column of numbers bears it."""

# Labels are stripped: no column's name begins with a blank.
_KEPT = " kept"
_ROW_GROUP_ROWS = 262_144
_COMPRESSION_LEVEL = 1


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


def write_canonical(
    table: Table,
    numbers: Mapping[int, str],
    mark: DecimalMark,
    *,
    utc: pl.Series,
    kept: pl.Series,
    path: Path,
) -> None:
    """Write ``TIME`` (UTC, nanoseconds) and one float64 column for each of ``numbers`` (index: name) to ``path``.

    ``utc`` has the time of each row; ``kept`` says which rows are written. The same file gives the same bytes.
    """
    rows = table.rows().select(number(pl.col(str(index)), mark).alias(name) for index, name in numbers.items())
    rows = pl.concat([pl.LazyFrame([utc.dt.replace_time_zone("UTC").alias(TIME)]), rows], how="horizontal")
    if not kept.all():
        rows = pl.concat([rows, pl.LazyFrame([kept.alias(_KEPT)])], how="horizontal").filter(_KEPT).drop(_KEPT)
    if not utc.filter(kept).is_sorted():
        rows = rows.sort(TIME)
    table.read(
        rows.sink_parquet(
            path,
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
            row_group_size=_ROW_GROUP_ROWS,
            lazy=True,
        )
    )
