"""Windows as slices of shared grids, sums over ranges, and sources that remember."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.series.columns import Windows, over_windows
from shared.series.range_sums import RangeSums
from shared.series.references import References
from shared.series.remembered import Remembered
from shared.series.sampling import NO_CAUSE, Sampled
from shared.series.series import Times


def themselves(moments: Times) -> Sampled:
    """Each time as its own value; what is not a multiple of 5 is to be dropped."""
    causes = np.where(moments % 5 == 0, NO_CAUSE, np.int8(1))
    return Sampled(moments[None].astype(np.float64), causes)


@given(
    st.integers(1, 9),
    st.integers(1, 12),
    st.lists(st.integers(-60, 60), min_size=1, max_size=6),
    st.booleans(),
)
def test_every_step_of_every_window_is_at_its_time(step: int, count: int, offsets: list[int], half: bool) -> None:
    references = References(100, step, count)
    chosen = np.arange(count) % 2 == 0 if half else np.ones(count, dtype=bool)

    windows = over_windows(themselves, references, np.array(offsets))

    column = windows.columns[0].of(chosen)
    expected = [[t + offset for t in references.times()[chosen].tolist()] for offset in offsets]
    assert [values.tolist() for values in column.steps()] == expected
    assert column.extremes() == (min(map(min, expected)), max(map(max, expected)))
    assert column.mapped(lambda values: -values).extremes() == (-column.extremes()[1], -column.extremes()[0])
    kept = [all((t + offset) % 5 == 0 for offset in offsets) for t in references.times().tolist()]
    found = np.full(count, NO_CAUSE) if windows.causes is None else windows.causes
    assert (found == NO_CAUSE).tolist() == kept


@given(
    st.lists(st.floats(-1e9, 1e9), max_size=70), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=9)
)
def test_sums_over_ranges_are_those_of_their_numbers(values: list[float], ranges: list[tuple[int, int]]) -> None:
    low = np.array([min(one, len(values)) for one, _ in ranges], dtype=np.int64)
    high = np.array([min(other, len(values)) for _, other in ranges], dtype=np.int64)
    found = RangeSums(np.array(values)).over(low, high)
    for one, other, total in zip(low, high, found, strict=True):
        assert total == pytest.approx(math.fsum(values[one:other]), rel=1e-12, abs=1e-4)


def test_sums_do_not_cancel_what_is_small_beside_what_is_large() -> None:
    values = np.array([1e17] * 1000 + [0.1] * 1000)
    assert RangeSums(values).over(np.array([1000]), np.array([2000])) == pytest.approx(100, rel=1e-12)


def test_a_source_is_asked_once_for_what_fits_and_again_for_what_does_not() -> None:
    asked: list[References] = []

    def source(references: References) -> Windows:
        asked.append(references)
        return over_windows(themselves, references, np.zeros(1, dtype=np.int64), repeated=20)

    remembering = Remembered(source, most_bytes=100)
    small, large = References(0, 5, 10), References(50, 5, 20)
    for references in (small, large, small, large):
        found = remembering(references).columns[0].steps()[0].tolist()
        assert found == references.times().tolist()
    assert asked == [small, large, large]
