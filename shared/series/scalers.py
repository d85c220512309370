"""Scalers: fitted on some windows, applied to all, inverted on forecasts (algorithms section 5)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


Kind = Literal["minmax", "standard", "none"]


@dataclass(frozen=True, slots=True)
class Scaler:
    """One column's map ``(x - centre) / width * (high - low) + low``; a constant column maps to ``low``.

    minmax: centre and width are the data's minimum and range; standard: its mean and standard deviation, with
    low 0 and high 1; none: the identity.
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
        if self.width == 0:
            return np.full_like(values, self.low)
        return (values - self.centre) / self.width * (self.high - self.low) + self.low

    def inverse(self, values: Array) -> Array:
        """Scaled to original units, any shape; a constant column comes back as its constant."""
        if self.kind == "none":
            return values
        return (values - self.low) / (self.high - self.low) * self.width + self.centre

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; :meth:`from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Scaler:
        """Raises TypeError for other fields than :meth:`to_json` writes."""
        return cls(**document)
