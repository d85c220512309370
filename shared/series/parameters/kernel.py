"""Support vector regression (algorithms section 6)."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field

from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import tried, tried_of


class SVRParameters(ModelParameters):
    """What support vector machines have in common; the names are scikit-learn's.

    A kernel grows with the square of its rows: of more than ``max_samples`` rows so many are drawn by the seed.
    """

    kernel: Annotated[Literal["linear", "poly", "rbf", "sigmoid"], tried_of("linear", "poly", "rbf")] = "poly"
    C: Annotated[float, tried(1e-2, 1e2, log=True)] = Field(default=1.0, gt=0, le=1e6)
    epsilon: Annotated[float, tried(1e-3, 0.3, log=True)] = Field(
        default=0.1, ge=0, le=1e6, description="Errors below this, on the scaled target, are free."
    )
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0, le=1e6)] = "scale"
    degree: int = Field(default=3, ge=1, le=10, description="Of kernel poly.")
    coef0: float = Field(default=1.0, ge=-1e6, le=1e6, description="Of kernels poly and sigmoid.")
    max_samples: int = Field(default=5000, ge=10, le=6500)

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """The kernel's matrix, the rows and their coefficients."""
        return self.max_samples * (self.max_samples + prod(inputs) + prod(outputs))


class SVRDirectParameters(SVRParameters):
    """One machine for each step and target, on the flattened window."""

    kind: Literal["SVRDirect"] = "SVRDirect"


class SVRMIMOParameters(SVRParameters):
    """One machine for all steps of a target: its kernel is the window's times one of the step's place."""

    kind: Literal["SVRMIMO"] = "SVRMIMO"
