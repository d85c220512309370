"""The models that can be asked for, and their parameters with limits and defaults.

The API, the command line and the trainer share these. A new kind is one class here (or in a file of its own) in
``KINDS``, and one file with its computation in the trainer's models.
"""

from __future__ import annotations

import difflib
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.problems import Category, ProblemError

Activation = Literal["relu", "sigmoid", "tanh", "linear", "softmax", "elu", "selu", "gelu", "swish", "softplus"]
_ACTIVATION_NAMES = {"keine": "linear", "none": "linear"}
MAX_WEIGHTS = 50_000_000
"""Bound on the product of sizes, not only on each (lesson F22): about 200 MB of float32."""


class ModelParameters(BaseModel):
    """What every kind has. ``seed`` makes a run repeatable on the same machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    def weights(self, input_size: int, output_size: int) -> int:
        """Roughly how many numbers the model has, for a flattened window of these sizes."""
        return input_size * output_size


class LinearParameters(ModelParameters):
    """Ordinary least squares from the flattened window to all outputs; ``ridge`` adds an L2 penalty."""

    kind: Literal["Linear"] = "Linear"
    ridge: float = Field(default=0.0, ge=0.0, le=1e12)


class DenseParameters(ModelParameters):
    """A multilayer perceptron on the flattened window (algorithms section 6)."""

    kind: Literal["Dense"] = "Dense"
    layers: int | list[int] = Field(default=3, description="How many layers of `units`, or each layer's units.")
    units: int = Field(default=512, ge=1, le=4096)
    activation: Activation = "relu"
    epochs: int = Field(default=20, ge=1, le=2000)
    batch_size: int = Field(default=32, ge=1, le=65536)
    learning_rate: float = Field(default=0.001, gt=0, le=10)
    patience: int = Field(default=2, ge=0, le=1000)

    @field_validator("layers", mode="before")
    @classmethod
    def _layers_in_bounds(cls, value: Any) -> Any:
        counts = value if isinstance(value, list) else [value]
        if isinstance(value, bool) or not all(isinstance(n, int) and not isinstance(n, bool) for n in counts):
            raise ValueError("layers is a whole number, or a list of whole numbers")
        if isinstance(value, list) and not (1 <= len(value) <= 16 and all(1 <= n <= 4096 for n in value)):
            raise ValueError("a list of layers has 1 to 16 entries of 1 to 4096 units")
        if not isinstance(value, list) and not 1 <= value <= 16:
            raise ValueError("layers is 1 to 16")
        return value

    @field_validator("activation", mode="before")
    @classmethod
    def _known_spelling(cls, value: Any) -> Any:
        lower = value.lower() if isinstance(value, str) else value
        return _ACTIVATION_NAMES.get(lower, lower)

    @property
    def layer_units(self) -> list[int]:
        """Units of each hidden layer."""
        return self.layers if isinstance(self.layers, list) else [self.units] * self.layers

    def weights(self, input_size: int, output_size: int) -> int:
        """Sum over the layers of inputs times units."""
        sizes = [input_size, *self.layer_units, output_size]
        return sum(one * other for one, other in pairwise(sizes))


KINDS: dict[str, type[ModelParameters]] = {"Linear": LinearParameters, "Dense": DenseParameters}


def parse_model(document: dict[str, Any]) -> ModelParameters:
    """One model's parameters. Raises a problem that names the kind, parameter and value that is wrong."""
    kind = document.get("kind")
    parameters = KINDS.get(str(kind))
    if parameters is None:
        near = difflib.get_close_matches(str(kind), KINDS, n=1, cutoff=0.4)
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such model",
            detail=f"models.kind: {kind!r} is none of {', '.join(sorted(KINDS))}.",
            recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of the kinds that exist."],
        )
    try:
        return parameters.model_validate(document)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A model's parameter is not right",
            detail=f"{kind}.{name}: {fault['msg']} (got {fault.get('input')!r}).",
            recovery=[f"{kind} takes: {', '.join(sorted(parameters.model_fields))}."],
        ) from error


def parse_models(documents: list[dict[str, Any]]) -> list[ModelParameters]:
    """All models of a run. Raises a problem when there is none, or for the first that is wrong."""
    if not documents:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="No model was chosen",
            detail="models: the list is empty.",
            recovery=[f"Name at least one of {', '.join(sorted(KINDS))}."],
        )
    return [parse_model(document) for document in documents]
