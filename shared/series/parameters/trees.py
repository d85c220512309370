"""Gradient boosting (algorithms section 6)."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field

from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import tried

_NUMBERS_PER_LEAF = 25
"""A leaf with its node takes some hundred bytes of LightGBM's text, as much as so many numbers of float32."""


class LightGBMParameters(ModelParameters):
    """Boosted trees on the flattened window, on the squared error; the best number of trees on validation is kept."""

    kind: Literal["LightGBM"] = "LightGBM"
    strategy: Literal["direct", "step"] = Field(
        default="direct", description="direct: a booster for each step; step: one for all, with the step as a feature."
    )
    trees: int = Field(default=300, ge=1, le=10_000, description="At most so many in a booster.")
    learning_rate: Annotated[float, tried(0.01, 0.3, log=True)] = Field(default=0.05, gt=0, le=1)
    leaves: Annotated[int, tried(7, 63, log=True)] = Field(default=31, ge=2, le=4096)
    least_samples: Annotated[int, tried(5, 100, log=True)] = Field(
        default=20, ge=1, le=1_000_000, description="Rows that a leaf has at least."
    )
    column_share: Annotated[float, tried(0.4, 1.0)] = Field(
        default=0.8, gt=0, le=1, description="Share of the columns that each tree sees."
    )
    l2: Annotated[float, tried(1e-3, 10.0, log=True)] = Field(default=0.0, ge=0, le=1e6)
    patience: int = Field(default=20, ge=1, le=10_000, description="Trees without a better validation loss.")
    max_samples: int = Field(default=500_000, ge=10, le=5_000_000)

    @property
    def ends_early(self) -> bool:
        """See :class:`ModelParameters`."""
        return True

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Numbers in the leaves and nodes of all trees."""
        boosters = prod(outputs) if self.strategy == "direct" else outputs[1]
        return boosters * self.trees * self.leaves * _NUMBERS_PER_LEAF
