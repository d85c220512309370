"""A first look at each block, several of them at a time: enough for a block in which everything is as expected."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite

import polars as pl

from shared.analysis.blocks import Block
from shared.analysis.plan import Plan
from shared.analysis.profile import NumberFacts

_AT_ONCE = 2
_AHEAD = 3


@dataclass(frozen=True)
class Glance:
    """A block; its ``cells``, None where a number is none, with the numbers' ``facts`` by column; and for each of
    the plan's readings its times, None where it takes a closer look."""

    block: Block
    cells: pl.DataFrame | None
    facts: Mapping[int, NumberFacts]
    times: Sequence[pl.Series | None]


def glances(plan: Plan) -> Iterator[Glance]:
    """Every block of the file, in its order, while those ahead are already looked at.

    Raises DATA_VALIDATION for the first row that has not as many cells as the others.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ahead: deque[Future[Glance]] = deque()
        try:
            for block in plan.table.blocks():
                ahead.append(pool.submit(_glance, plan, block))
                if len(ahead) == _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _glance(plan: Plan, block: Block) -> Glance:
    cells = plan.table.numbers(block, plan.native)
    facts = _facts(cells, plan.native) if cells is not None else None
    if cells is None or facts is None:
        return Glance(block, None, {}, ())
    return Glance(block, cells, facts, [reading.quick_times(cells) for reading in plan.readings])


def _facts(cells: pl.DataFrame, columns: Sequence[int]) -> dict[int, NumberFacts] | None:
    """None where not all numbers are finite."""
    numbers = cells.select(str(index) for index in columns)
    if not numbers.width:
        return {}
    totals = numbers.sum().row(0)
    # A sum is infinite or NaN where a number is, and where it becomes too large.
    doubtful = [column for column, total in zip(numbers.columns, totals, strict=True) if not isfinite(total)]
    if doubtful and not all(numbers.select(pl.col(doubtful).is_finite().all()).row(0)):
        return None
    found = zip(numbers.null_count().row(0), numbers.min().row(0), numbers.max().row(0), totals, strict=True)
    return {
        index: NumberFacts(cells.height - empty, empty, low, high, total)
        for index, (empty, low, high, total) in zip(columns, found, strict=True)
    }
