"""One series: values over UTC timestamps, sorted and unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Values = NDArray[np.float64]

NANOSECONDS_PER_MINUTE = 60_000_000_000
NANOSECONDS_PER_HOUR = 60 * NANOSECONDS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class Series:
    """``times`` (n,) in ns since the epoch, UTC; ``values`` (n,) with NaN where a cell is no number.

    ``issues`` (n,) in ns, for forecasts: when each row was known; then ``times`` are unique within an issue only.
    """

    name: str
    times: Times
    values: Values
    issues: Times | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for lengths that differ, no rows, or times out of order or twice in one issue."""
        if len(self.times) != len(self.values) or len(self.times) == 0:
            raise ValueError(f"series {self.name!r} needs as many values as times, and at least one")
        if self.issues is None:
            if np.any(np.diff(self.times) <= 0):
                raise ValueError(f"the times of series {self.name!r} must rise")
            return
        if len(self.issues) != len(self.times):
            raise ValueError(f"series {self.name!r} needs as many issues as times")
        order = np.lexsort((self.times, self.issues))
        twice = (np.diff(self.times[order]) == 0) & (np.diff(self.issues[order]) == 0)
        if twice.any():
            raise ValueError(f"series {self.name!r} has a time twice in one issue")

    @property
    def first(self) -> int:
        """The earliest time in ns."""
        return int(self.times[0] if self.issues is None else self.times.min())

    @property
    def last(self) -> int:
        """The latest time in ns."""
        return int(self.times[-1] if self.issues is None else self.times.max())

    def until(self, end: int) -> Series:
        """The rows of a measured series that are not after ``end``; at least the first one."""
        count = max(1, int(np.searchsorted(self.times, end, side="right")))
        return Series(self.name, self.times[:count], self.values[:count])

    def describe(self) -> dict[str, Any]:
        """What the series is, JSON-able (algorithms section 1).

        ``step_minutes`` is the mean distance of rows; ``offset_minutes`` how far the rows are behind the full hour and
        its multiples of the step, or "variable" where an hour has no whole number of steps.
        """
        numeric = self.values[np.isfinite(self.values)]
        step = (self.last - self.first) / (len(self) - 1) / NANOSECONDS_PER_MINUTE if len(self) > 1 else 0.0
        whole = step > 0 and (60 / step).is_integer()
        return {
            "points": len(self),
            "numeric_points": len(numeric),
            "numeric_share": round(100 * len(numeric) / len(self), 2),
            "step_minutes": step or None,
            "offset_minutes": self.first / NANOSECONDS_PER_MINUTE % step if whole else "variable",
            "min": float(numeric.min()) if len(numeric) else None,
            "max": float(numeric.max()) if len(numeric) else None,
        }

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.times)


def moment_text(nanoseconds: int) -> str:
    """ISO 8601, UTC, to the second or as exactly as needed."""
    text = np.datetime_as_string(np.datetime64(nanoseconds, "ns"), unit="ns")
    return f"{str(text).rstrip('0').rstrip('.')}Z" if nanoseconds % 10**9 else f"{str(text)[:19]}Z"
