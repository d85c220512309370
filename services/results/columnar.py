"""Results as a Parquet table: the primary copy, equal to the last bit, which any Parquet reader reads.

One row for each window of each group (``train_data``, ``forecasts``, ...), groups one after the other; what a group has
no values of is null there. A window's values are one cell, row by row of its array: windows that overlap repeat each
other, and zstd finds that (92,820 windows of 13 x 3 of a real series: a tenth).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from services.results.groups import Chosen, Constants, Groups

_METADATA = "foretide"
_VERSION = 1
_GROUP, _TIMES = "group", "reference_times"
_LEVEL = 3
_VALUES_AT_ONCE = 1_000_000
"""Numbers in memory while writing, of all columns together."""

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResultsTable:
    """Where a table is, and what it says of itself.

    ``head``: what the document says beside the arrays. ``shapes``: of each group's members, (windows, ...), in the
    order of the rows. ``once``: members that are not by window.
    """

    path: Path
    head: dict[str, Any]
    shapes: dict[str, dict[str, list[int]]]
    once: Constants

    def read(self, group: str, *members: str, start: int = 0, stop: int | None = None) -> dict[str, NDArray[Any]]:
        """The members, all unless named, of the group's windows ``start`` to ``stop``.

        Raises KeyError for what is not there.
        """
        shapes, once = self.shapes[group], self.once.get(group, {})
        wanted = members or (*shapes, *once)
        by_window = [member for member in wanted if member not in once]
        length = (self.windows(group) if stop is None else stop) - start
        rows = pl.scan_parquet(self.path).select(by_window).slice(self._first_row(group) + start, max(0, length))
        frame = rows.collect() if by_window else pl.DataFrame()
        return {member: once[member] if member in once else _array(frame[member], shapes[member]) for member in wanted}

    def windows(self, group: str) -> int:
        """How many the group has. Raises KeyError where there is no such group."""
        return next(iter(self.shapes[group].values()))[0]

    def _first_row(self, group: str) -> int:
        groups = list(self.shapes)
        return sum(self.windows(before) for before in groups[: groups.index(group)])


def write_table(path: Path, head: dict[str, Any], groups: Groups, once: Constants) -> None:
    """Write what the document would say, a block of windows at a time: memory stays flat however many there are.

    ``groups``: arrays (windows, ...); a name has the same type, and the same shape but for the windows, in all groups.
    Raises ValueError where that is not so, or where the arrays of a group differ in their windows.
    """
    schema = _schema(groups)

    def source(*_: Any) -> Iterator[pl.DataFrame]:
        for group, members in groups.items():
            windows = len(next(iter(members.values())))
            step = max(1, _VALUES_AT_ONCE * windows // max(1, sum(prod(array.shape) for array in members.values())))
            for start in range(0, windows, step):
                yield _frame(group, members, slice(start, start + step), schema)

    register_io_source(source, schema=schema).sink_parquet(
        path,
        compression="zstd",
        compression_level=_LEVEL,
        statistics=False,
        maintain_order=True,
        metadata={_METADATA: _description(head, groups, once)},
    )


def open_table(path: Path) -> ResultsTable:
    """Raises ValueError for a file that :func:`write_table` has not written, or a later version of it."""
    found = pl.read_parquet_metadata(path).get(_METADATA)
    described = orjson.loads(found) if found is not None else {}
    if described.get("version") != _VERSION:
        raise ValueError(f"a results table of version {described.get('version')!r} cannot be read here")
    once = {
        group: {name: np.array(one["values"], one["type"]) for name, one in members.items()}
        for group, members in described["once"].items()
    }
    return ResultsTable(path, described["head"], described["shapes"], once)


def _schema(groups: Groups) -> Schema:
    schema: Schema = {_GROUP: pl.String}
    for members in groups.values():
        if len({len(array) for array in members.values()}) > 1:
            raise ValueError("the arrays of a group have one row for each of its windows")
        for name, array in members.items():
            if schema.setdefault(name, _type(name, array)) != _type(name, array):
                raise ValueError(f"{name} is not of the same type and shape in all groups")
    return schema


def _type(name: str, array: NDArray[Any] | Chosen) -> Any:
    if name == _TIMES:
        return pl.Datetime("ns", "UTC")
    inner = pl.Series(values=np.empty(0, array.dtype)).dtype
    return pl.Array(inner, prod(array.shape[1:])) if len(array.shape) > 1 else inner


def _frame(group: str, members: dict[str, NDArray[Any] | Chosen], place: slice, schema: Schema) -> pl.DataFrame:
    columns = {}
    for name, array in members.items():
        block = np.ascontiguousarray(array[place])
        columns[name] = pl.Series(name, block.reshape(len(block), -1) if block.ndim > 1 else block).cast(schema[name])
    frame = pl.DataFrame(columns)
    absent = [pl.lit(None, schema[name]).alias(name) for name in schema if name not in columns and name != _GROUP]
    return frame.with_columns(pl.lit(group).alias(_GROUP), *absent).select(list(schema))


def _array(column: pl.Series, shape: list[int]) -> NDArray[Any]:
    values: NDArray[Any] = column.to_physical().to_numpy()
    return values.reshape(len(values), *shape[1:])


def _description(head: dict[str, Any], groups: Groups, once: Constants) -> str:
    described = {
        "version": _VERSION,
        "head": head,
        "shapes": {group: {name: array.shape for name, array in members.items()} for group, members in groups.items()},
        "once": {
            group: {name: {"type": array.dtype.str, "values": array.tolist()} for name, array in members.items()}
            for group, members in once.items()
        },
    }
    return orjson.dumps(described, option=orjson.OPT_SERIALIZE_NUMPY).decode()
