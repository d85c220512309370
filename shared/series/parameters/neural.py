"""Neural networks: what they are trained with, and how large each is (algorithms section 6)."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, Field, field_validator

from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import tried, tried_of

Activation = Literal["relu", "sigmoid", "tanh", "linear", "softmax", "elu", "selu", "gelu", "swish", "softplus"]
_ACTIVATION_NAMES = {"keine": "linear", "none": "linear"}
_GATES = 4
_KEPT_PER_STEP = 6
"""Values that an LSTM keeps of each unit and step to learn from: its gates, its state and its output."""


class NeuralParameters(ModelParameters):
    """Adam on the mean squared error, with early stopping; the best epoch's weights are kept."""

    learns_in_epochs: ClassVar[bool] = True

    activation: Annotated[Activation, tried_of("relu", "elu", "tanh")] = "relu"
    epochs: int = Field(default=20, ge=1, le=2000, description="At most so many passes over the training part.")
    batch_size: Annotated[int, tried_of(16, 32, 64, 128)] = Field(default=32, ge=1, le=65536)
    learning_rate: Annotated[float, tried(1e-4, 1e-2, log=True)] = Field(default=0.001, gt=0, le=10)
    patience: int = Field(default=2, ge=0, le=1000, description="Epochs without a better validation loss.")

    @field_validator("activation", mode="before")
    @classmethod
    def _known_spelling(cls, value: Any) -> Any:
        lower = value.lower() if isinstance(value, str) else value
        return _ACTIVATION_NAMES.get(lower, lower)

    @property
    def ends_early(self) -> bool:
        """See :class:`ModelParameters`."""
        return True

    def batch(self, windows: int) -> int:
        """See :class:`ModelParameters`."""
        return min(self.batch_size, windows)


class RelativeParameters(NeuralParameters):
    """Networks that may forecast relative to the mean of a target's own window."""

    normalization: Literal["auto", "none", "window"] = Field(
        default="auto",
        description="window: the mean of a target's own past is taken away before and added after; auto: where the "
        "level says next to nothing that the window's shape does not say, measured on the validation part.",
    )


class DenseParameters(RelativeParameters):
    """A multilayer perceptron on the flattened window."""

    kind: Literal["Dense"] = "Dense"
    layers: Annotated[int | list[int], tried(1, 4)] = Field(
        default=3, description="How many layers of `units`, or each layer's units."
    )
    units: Annotated[int, tried(16, 512, log=True)] = Field(default=512, ge=1, le=4096)

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

    @property
    def layer_units(self) -> list[int]:
        """Units of each hidden layer."""
        return self.layers if isinstance(self.layers, list) else [self.units] * self.layers

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Sum over the layers of inputs times units."""
        return sum(one * other for one, other in pairwise([prod(inputs), *self.layer_units, prod(outputs)]))

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`ModelParameters`."""
        return prod(inputs) + sum(self.layer_units) + prod(outputs)


class CNNParameters(RelativeParameters):
    """Convolutions over time, then flattened (or averaged over time), then one dense layer."""

    kind: Literal["CNN"] = "CNN"
    layers: Annotated[int, tried(1, 3)] = Field(default=3, ge=1, le=16)
    filters: Annotated[int, tried(16, 512, log=True)] = Field(
        default=512, ge=1, le=4096, validation_alias=AliasChoices("filters", "units")
    )
    kernel: Annotated[int, tried(2, 7)] = Field(default=3, ge=1, le=4096, description="Steps that one filter sees.")
    pool: Literal["flatten", "average"] = "flatten"

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Filters, and the last layer on what is left of the time axis."""
        steps, columns = inputs
        convolutions = self.kernel * self.filters * (columns + (self.layers - 1) * self.filters)
        return convolutions + (steps if self.pool == "flatten" else 1) * self.filters * prod(outputs)

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`ModelParameters`."""
        return inputs[0] * (inputs[1] + self.layers * self.filters) + prod(outputs)


class CNN2DParameters(NeuralParameters):
    """Reference variant: the window as an image of one channel; needs as many steps and columns out as in."""

    kind: Literal["CNN2D"] = "CNN2D"
    layers: Annotated[int, tried(1, 3)] = Field(default=3, ge=1, le=16)
    filters: Annotated[int, tried(16, 512, log=True)] = Field(
        default=512, ge=1, le=4096, validation_alias=AliasChoices("filters", "units")
    )
    kernel: int = Field(default=3, ge=1, le=64, description="Steps and columns that one filter sees.")

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Filters of all layers."""
        return self.kernel**2 * self.filters * (1 + (self.layers - 1) * self.filters) + self.filters

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`ModelParameters`."""
        return prod(inputs) * (1 + self.layers * self.filters)

    def refusal(self, inputs: Shape, outputs: Shape) -> str | None:
        """See :class:`ModelParameters`."""
        return None if inputs == outputs else "it needs as many steps and columns out as in; CNN does not"


class LSTMParameters(RelativeParameters):
    """LSTM layers read the window, then another one writes the forecast.

    With decoder ``auto`` and as many steps out as in, each step is answered as it is read; then the first steps know
    next to nothing (skill 0.16 instead of 0.32 on the synthetic load).
    """

    kind: Literal["LSTM"] = "LSTM"
    activation: Activation = "tanh"
    layers: Annotated[int, tried(1, 3)] = Field(default=3, ge=1, le=16)
    units: Annotated[int, tried(16, 256, log=True)] = Field(default=512, ge=1, le=4096)
    decoder: Literal["auto", "repeat"] = Field(
        default="repeat",
        description="auto: step by step where there are as many steps out as in; repeat: always after the window.",
    )

    def repeats(self, inputs: Shape, outputs: Shape) -> bool:
        """True where the window is read to its end before the forecast is written."""
        return self.decoder == "repeat" or inputs[0] != outputs[0]

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Kernels of all gates, and what codes the steps for the decoder."""
        codes = self.units * (self.units + outputs[0])
        decoder = _lstm(self.units, self.units) + codes if self.repeats(inputs, outputs) else 0
        return _lstms(self.layers, inputs[1], self.units) + decoder + self.units * outputs[1]

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`ModelParameters`."""
        written = (_KEPT_PER_STEP + 2) * outputs[0] if self.repeats(inputs, outputs) else 0
        read = _KEPT_PER_STEP * inputs[0] * self.layers
        return self.units * (read + written) + prod(inputs) + prod(outputs)


class ARLSTMParameters(NeuralParameters):
    """Autoregressive: LSTM layers read the window, then each step is forecast from the forecast before it."""

    kind: Literal["ARLSTM"] = "ARLSTM"
    activation: Activation = "tanh"
    layers: Annotated[int, tried(1, 3)] = Field(default=3, ge=1, le=16)
    units: Annotated[int, tried(16, 256, log=True)] = Field(default=512, ge=1, le=4096)

    def weights(self, inputs: Shape, outputs: Shape) -> int:
        """Encoder and decoder; the decoder sees its last forecast and at most all columns."""
        decoder = _lstms(self.layers, outputs[1] + inputs[1], self.units)
        return _lstms(self.layers, inputs[1], self.units) + decoder + self.units * outputs[1]

    def activations(self, inputs: Shape, outputs: Shape) -> int:
        """See :class:`ModelParameters`."""
        steps = (inputs[0] + outputs[0]) * self.layers
        return _KEPT_PER_STEP * self.units * steps + prod(inputs) + prod(outputs)


def _lstm(inputs: int, units: int) -> int:
    return _GATES * units * (inputs + units + 1)


def _lstms(layers: int, inputs: int, units: int) -> int:
    return _lstm(inputs, units) + (layers - 1) * _lstm(units, units)
