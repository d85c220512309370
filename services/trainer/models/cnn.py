"""Convolutional networks over the window (algorithms section 6)."""

from __future__ import annotations

from math import prod
from typing import Any

import keras  # type: ignore[import-untyped]

from services.trainer.models.columns import Columns
from services.trainer.models.neural import Neural
from shared.series.parameters.base import Shape
from shared.series.parameters.neural import CNN2DParameters, CNNParameters


class CNN(Neural):
    """Convolutions over time, then all steps of all targets at once."""

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """See :class:`Neural`."""
        parameters = self.parameters
        assert isinstance(parameters, CNNParameters)
        layers: list[Any] = [keras.layers.Input(inputs)]
        layers += [
            keras.layers.Conv1D(parameters.filters, parameters.kernel, padding="same", activation=parameters.activation)
            for _ in range(parameters.layers)
        ]
        flat = parameters.pool == "flatten"
        layers += [
            keras.layers.Flatten() if flat else keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(prod(outputs), kernel_initializer="zeros"),
            keras.layers.Reshape(outputs),
        ]
        return keras.Sequential(layers)


class CNN2D(Neural):
    """Reference variant: the window as an image of one channel, in and out."""

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """See :class:`Neural`."""
        parameters = self.parameters
        assert isinstance(parameters, CNN2DParameters)
        layers: list[Any] = [keras.layers.Input(inputs), keras.layers.Reshape((*inputs, 1))]
        layers += [
            keras.layers.Conv2D(parameters.filters, parameters.kernel, padding="same", activation=parameters.activation)
            for _ in range(parameters.layers)
        ]
        layers += [keras.layers.Conv2D(1, 1, kernel_initializer="zeros"), keras.layers.Reshape(outputs)]
        return keras.Sequential(layers)
