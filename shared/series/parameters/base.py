"""What the parameters of every model have."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.series.parameters.search import LONGEST_SECONDS, Search

Shape = tuple[int, int]
"""(steps, columns) of one window: (I, F_in) or (O, F_out)."""

MAX_WEIGHTS = 50_000_000
"""Bound on the product of sizes, not only on each (lesson F22): about 200 MB of float32."""
MAX_ACTIVATIONS = 500_000_000
"""Bound on the numbers that one batch holds while it is learned from: 2 GB of float32."""


class ModelParameters(BaseModel):
    """What every kind has. ``seed`` makes a run repeatable on the same machine.

    A member of an ensemble has its own ``time_limit_seconds`` at most, and no more than its share of the ensemble's.
    Nothing is converted: a number in quotes, a float for a whole number and a boolean for either are refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    learns_in_epochs: ClassVar[bool] = False
    """Whether its validation loss after each epoch tells early how good it will be."""

    kind: str
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    time_limit_seconds: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_SECONDS,
        description="Of training the model for one target: all fits of a back-test together, and what continues from a "
        "checkpoint; of a search, each trial's as well.",
    )
    search: Search | None = Field(default=None, exclude_if=lambda search: search is None)

    @property
    def ends_early(self) -> bool:
        """Whether its training can end at any time, with what was learned by then."""
        return False

    @property
    def held_together(self) -> int:
        """How many of the alternatives are in memory at a time."""
        return 1

    def alternatives(self) -> Sequence[ModelParameters]:
        """What is trained one after the other, where one of them that works is enough: else this alone."""
        return [self]

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Roughly how many numbers the model has, or holds while it is solved."""
        return prod(inputs) * prod(outputs)

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """Roughly how many numbers one window needs in memory while the model learns from it."""
        return prod(inputs) + prod(outputs)

    def batch(self, windows: int) -> int:
        """How many windows are in memory in that way at once."""
        return 1

    def refusal(self, inputs: Shape, outputs: Shape) -> str | None:
        """Why this kind cannot work for windows of these shapes; None where it can."""
        return None
