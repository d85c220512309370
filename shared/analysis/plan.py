"""What a file is expected to be like, from its sample, before all of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from shared.analysis.canonical import canonical_names
from shared.analysis.cells import is_missing, is_number, other_mark
from shared.analysis.document import Kind
from shared.analysis.readings import Reading
from shared.analysis.sample import Record
from shared.analysis.table import Table

_NUMBERS_SHARE = 0.5


@dataclass(frozen=True)
class Plan:
    """How to read a table: which columns may be times, and how; which ones are kept as numbers."""

    table: Table
    readings: tuple[Reading, ...]
    numbers: tuple[int, ...]
    rival_numbers: int | None = None
    """How many numbers were found with the other decimal mark, once that was tried."""

    @cached_property
    def times(self) -> frozenset[int]:
        """Columns that are times. Numbers that only could be are values, unless nothing else is there."""
        surely = [r for position, r in enumerate(self.readings) if r.certain or position == 0]
        return frozenset(index for reading in surely for index in reading.columns)

    @cached_property
    def values(self) -> tuple[int, ...]:
        """All other columns than :attr:`times`."""
        return tuple(index for index in range(self.table.dialect.width) if index not in self.times)

    @cached_property
    def native(self) -> tuple[int, ...]:
        """Columns that are nothing but numbers, as far as one knows."""
        as_times = {index for reading in self.readings for index in reading.columns}
        return tuple(index for index in self.numbers if index not in as_times)

    @cached_property
    def names(self) -> list[str]:
        """What the canonical copy calls each column if this plan holds."""
        width = self.table.dialect.width
        kinds: list[Kind] = [
            "time" if i in self.times else "number" if i in self.numbers else "text" for i in range(width)
        ]
        return canonical_names(self.table.dialect.labels, kinds)

    def with_other_mark(self, *, numbers: int) -> Plan:
        """The same with the other decimal mark; ``numbers`` are found with this one."""
        dialect = replace(self.table.dialect, decimal_mark=other_mark(self.table.dialect.decimal_mark))
        return replace(self, table=replace(self.table, dialect=dialect), rival_numbers=numbers)


def expected(table: Table, rows: Sequence[Record], readings: Sequence[Reading]) -> Plan:
    """The plan that the sampled rows suggest."""
    plan = Plan(table, tuple(readings), ())
    mark = table.dialect.decimal_mark
    columns = {index: [row[index] for row in rows if index < len(row)] for index in plan.values}
    return replace(plan, numbers=tuple(i for i, cells in columns.items() if _are_numbers(cells, mark)))


def _are_numbers(cells: Sequence[str], mark: str) -> bool:
    present = [cell for cell in cells if not is_missing(cell)]
    return bool(present) and sum(is_number(cell, mark) for cell in present) >= _NUMBERS_SHARE * len(present)
