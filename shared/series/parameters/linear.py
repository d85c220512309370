"""Linear models (algorithms section 6)."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field

from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import tried


class LinearParameters(ModelParameters):
    """Ordinary least squares from the flattened window to all outputs; ``ridge`` adds an L2 penalty."""

    kind: Literal["Linear"] = "Linear"
    ridge: Annotated[float, tried(1e-4, 1e3, log=True)] = Field(default=0.0, ge=0.0, le=1e12)


class ClosedFormParameters(ModelParameters):
    """One linear map from a target's own window to its steps, by ridge regression in closed form.

    ``ridge`` is relative to the mean variance of what the map sees, so that it means the same for any scaling.
    """

    ridge: Annotated[float | None, tried(1e-6, 1e2, log=True)] = Field(
        default=None, ge=0.0, le=1e6, description="L2 penalty; none: the best of several on the validation part."
    )
    covariates: Literal["auto", "none", "all"] = Field(
        default="auto",
        description="Whether the map sees the other columns too; auto: if that is better on the validation part.",
    )

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """The equations' matrix and the map itself; with ``auto`` other columns that are too many are left out."""
        width = self.width(inputs, covariates=self.covariates == "all")
        return width * (width + prod(outputs))

    def width(self, inputs: Shape, *, covariates: bool) -> int:
        """How many numbers of a window the map sees."""
        return inputs[0] + (prod(inputs) if covariates else 0)


class NLinearParameters(ClosedFormParameters):
    """The window minus its last value; the last value is added back to the forecast."""

    kind: Literal["NLinear"] = "NLinear"


class DLinearParameters(ClosedFormParameters):
    """The window's moving average and what remains of it, side by side."""

    kind: Literal["DLinear"] = "DLinear"
    average_steps: Annotated[int, tried(3, 97)] = Field(
        default=25, ge=1, le=4096, description="Steps that the moving average runs over."
    )

    def width(self, inputs: Shape, *, covariates: bool) -> int:
        """Trend and remainder, each as long as the window."""
        return inputs[0] + super().width(inputs, covariates=covariates)
