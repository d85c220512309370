"""A multilayer perceptron on the flattened window (algorithms section 6)."""

from __future__ import annotations

from math import prod
from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np

from services.trainer.models.base import TrainingData
from services.trainer.models.columns import Columns
from services.trainer.models.neural import Neural
from shared.series.parameters.base import Shape
from shared.series.parameters.neural import DenseParameters

_OPERATIONS_AT_ONCE = 1_000_000_000
"""Some tenths of a second. A step takes six for each weight and window: two forward, four back."""


class Dense(Neural):
    """Hidden layers, then all steps of all targets at once."""

    def steps_at_once(self, data: TrainingData) -> int:
        """See :class:`Neural`."""
        parameters = self.parameters
        weights = parameters.weights(data.input_shape, data.output_shape)
        return int(np.clip(_OPERATIONS_AT_ONCE // (6 * weights * parameters.batch(len(data.inputs))), 1, 32))

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """See :class:`Neural`."""
        parameters = self.parameters
        assert isinstance(parameters, DenseParameters)
        layers: list[Any] = [keras.layers.Input(inputs), keras.layers.Flatten()]
        layers += [keras.layers.Dense(units, activation=parameters.activation) for units in parameters.layer_units]
        layers += [keras.layers.Dense(prod(outputs), kernel_initializer="zeros"), keras.layers.Reshape(outputs)]
        return keras.Sequential(layers)
