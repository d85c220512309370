"""Linear maps inside a network that are given, not learned."""

from __future__ import annotations

from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from services.trainer.models.columns import Columns
from shared.series.parameters.base import Shape


def given_map(values: Any, kernel: NDArray[np.float64], bias: NDArray[np.float64] | None = None) -> Any:
    """Of the last axis: ``values @ kernel + bias``."""
    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, trainable=False)
    mapped = layer(values)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return mapped


def own_values(step: Any, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
    """(n, F_in) to (n, F_out): each target's own value on its scale; 0 where its past is not among the inputs."""
    kernel, bias = np.zeros((inputs[1], outputs[1])), np.zeros(outputs[1])
    for target in range(outputs[1]):
        own = columns.of_target(target)
        if own is not None:
            kernel[own.column, target], bias[target] = own.slope, own.intercept
    return given_map(step, kernel, bias)


def relative_to_windows(network: Any, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
    """The network behind a subtraction and before an addition.

    It sees the targets' own columns minus their windows' means, which are added to its forecast; other columns, and
    targets whose past is not among the inputs, are left as they are.
    """
    window = keras.layers.Input(inputs)
    means = keras.layers.GlobalAveragePooling1D()(window)
    own = [past.column for target in range(outputs[1]) if (past := columns.of_target(target)) is not None]
    selection = np.zeros((inputs[1], inputs[1]))
    selection[own, own] = 1.0
    levels = keras.layers.RepeatVector(inputs[0])(given_map(means, selection))
    differences = network(keras.layers.Subtract()([window, levels]))
    bases = keras.layers.RepeatVector(outputs[0])(own_values(means, inputs, outputs, columns))
    return keras.Model(window, keras.layers.Add()([differences, bases]))
