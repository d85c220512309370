"""Linear models (algorithms section 6)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.series.parameters.base import ModelParameters


class LinearParameters(ModelParameters):
    """Ordinary least squares from the flattened window to all outputs; ``ridge`` adds an L2 penalty."""

    kind: Literal["Linear"] = "Linear"
    ridge: float = Field(default=0.0, ge=0.0, le=1e12)
