"""A source of windows that remembers: small datasets are sampled once, though they are looked at several times."""

from __future__ import annotations

from shared.series.columns import Source, Windows
from shared.series.references import References


class Remembered:
    """Keeps what the source made for the references it was first asked for, up to ``most_bytes`` of values.

    Only what is less than half of what becomes of it is kept: the float32 windows.
    """

    def __init__(self, source: Source, most_bytes: int) -> None:
        self._source = source
        self._left = most_bytes
        self._known: dict[References, Windows] = {}

    def __call__(self, references: References) -> Windows:
        """See :data:`Source`."""
        found = self._known.get(references)
        if found is None:
            found = self._source(references)
            size = sum(grid.nbytes for column in found.columns for grid in column.grids)
            becomes = sum(4 * column.count * len(column.slices) for column in found.columns)
            if size <= self._left and size <= becomes / 2:
                self._left -= size
                self._known[references] = found
        return found
