"""Reference variants that look at one step of the window at a time (algorithms section 6)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.kernel import SVRParameters


def _of_one_step(shape: Shape) -> Shape:
    return 1, shape[1]


def _refusal(inputs: Shape, outputs: Shape) -> str | None:
    """A step's answer is at the same place as the step."""
    return None if inputs[0] == outputs[0] else "it needs as many steps out as in; the variant that sees all does not"


class LinearStepwiseParameters(ModelParameters):
    """Reference variant: least squares from the columns at a step to the targets at that step, one for all steps."""

    kind: Literal["LinearStepwise"] = "LinearStepwise"

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """A coefficient for each column and target."""
        return super().weights(_of_one_step(inputs), _of_one_step(outputs))

    def refusal(self, inputs: Shape, outputs: Shape) -> str | None:
        """See :class:`ModelParameters`."""
        return _refusal(inputs, outputs)


class SVRStepwiseParameters(SVRParameters):
    """Reference variant: a machine for each target, from the columns at a step to the target at that step."""

    kind: Literal["SVRStepwise"] = "SVRStepwise"
    coef0: float = Field(default=0.0, ge=-1e6, le=1e6, description="Of kernels poly and sigmoid.")

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`SVRParameters`."""
        return super().weights(_of_one_step(inputs), _of_one_step(outputs))

    def refusal(self, inputs: Shape, outputs: Shape) -> str | None:
        """See :class:`ModelParameters`."""
        return _refusal(inputs, outputs)
