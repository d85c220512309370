"""Scalers: applied to values in original units, inverted on forecasts (algorithms section 5)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["minmax", "standard", "robust", "none"]


@dataclass(frozen=True, slots=True)
class Scaler:
    """One column's map ``(x - centre) / width * (high - low) + low``.

    minmax: centre and width are the data's minimum and range; standard: its mean and standard deviation; robust: its
    median and the distance of its quartiles; the latter two with low 0 and high 1. none: the identity. A width of 0
    counts as 1, so a constant column maps to ``low``, and what differs from it later stays distinct.
    """

    kind: Kind
    centre: float
    width: float
    low: float
    high: float

    def apply(self, values: Array) -> Array:
        """Original units to scaled, any shape."""
        if self.kind == "none":
            return values
        scaled = (values - self.centre) / (self.width or 1.0)
        scaled *= self.high - self.low
        scaled += self.low
        return scaled

    def inverse(self, values: Array) -> Array:
        """Scaled to original units, any shape."""
        if self.kind == "none":
            return values
        return (values - self.low) / (self.high - self.low) * (self.width or 1.0) + self.centre

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; :meth:`from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Scaler:
        """Raises TypeError for other fields than :meth:`to_json` writes."""
        return cls(**document)
