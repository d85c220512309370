"""An LSTM that feeds each forecast back to make the next one (algorithms section 6)."""

from __future__ import annotations

from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np

from services.trainer.models.columns import Columns
from services.trainer.models.given_maps import given_map, own_values
from services.trainer.models.neural import Neural
from shared.series.parameters.base import Shape
from shared.series.parameters.neural import ARLSTMParameters


class ARLSTM(Neural):
    """LSTM layers read the window; then one step after the other is forecast, in training as in use.

    A step sees the forecast before it (the first one: the target's last value, where its past is among the inputs)
    and those columns that are known for its time.
    """

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """See :class:`Neural`."""
        parameters = self.parameters
        assert isinstance(parameters, ARLSTMParameters)
        window = keras.layers.Input(inputs)
        read, states = window, []
        for _ in range(parameters.layers):
            encoder = keras.layers.LSTM(
                parameters.units, activation=parameters.activation, return_sequences=True, return_state=True
            )
            read, hidden, carry = encoder(read)
            states += [hidden, carry]
        newest = keras.layers.Flatten()(keras.layers.Cropping1D((inputs[0] - 1, 0))(window))
        last = own_values(newest, inputs, outputs, columns)
        cell = FeedbackCell(outputs[1], [parameters.units] * parameters.layers, parameters.activation)
        decoder = keras.layers.RNN(cell, return_sequences=True)
        forecast = decoder(_known_ahead(window, inputs, outputs, columns, last), initial_state=[last, *states])
        return keras.Model(window, forecast)


@keras.saving.register_keras_serializable(package="foretide")
class FeedbackCell(keras.layers.Layer):  # type: ignore[misc]
    """One step: LSTM cells that see their last forecast beside the step's inputs, then a dense layer.

    Its states are the last forecast (n, targets) and each cell's hidden and carry state (n, units).
    """

    def __init__(self, targets: int, units: list[int], activation: str, **options: Any) -> None:
        super().__init__(**options)
        self.targets, self.units, self.activation = targets, list(units), activation
        self.cells = [keras.layers.LSTMCell(count, activation=activation) for count in units]
        self.dense = keras.layers.Dense(targets, kernel_initializer="zeros")
        self.state_size = [targets, *(count for count in units for _ in ("hidden", "carry"))]
        self.output_size = targets

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Keras calls this with (n, columns)."""
        width = int(input_shape[-1] or 0) + self.targets
        for cell, units in zip(self.cells, self.units, strict=True):
            cell.build((None, width))
            width = units
        self.dense.build((None, width))
        super().build(input_shape)

    def call(self, inputs: Any, states: list[Any], training: bool = False) -> tuple[Any, list[Any]]:
        """The step's forecast, and the states for the next one."""
        forecast, *memories = states
        seen = keras.ops.concatenate([forecast, inputs], axis=-1)
        kept = []
        for place, cell in enumerate(self.cells):
            seen, memory = cell(seen, memories[2 * place : 2 * place + 2], training=training)
            kept += memory
        forecast = self.dense(seen)
        return forecast, [forecast, *kept]

    def get_config(self) -> dict[str, Any]:
        """What :meth:`from_config` needs."""
        own = {"targets": self.targets, "units": self.units, "activation": self.activation}
        return {**super().get_config(), **own}


def _known_ahead(window: Any, inputs: Shape, outputs: Shape, columns: Columns, last: Any) -> Any:
    """(n, O, A): the columns known at each step; the last values where there are none."""
    known = []
    for ahead in columns.ahead:
        selection = np.zeros((inputs[1], len(ahead.columns)))
        selection[list(ahead.columns), range(len(ahead.columns))] = 1.0
        selected = keras.layers.Permute((2, 1))(given_map(window, selection))
        known.append(keras.layers.Permute((2, 1))(given_map(selected, ahead.at_steps.T)))
    if not known:
        return keras.layers.RepeatVector(outputs[0])(last)
    return known[0] if len(known) == 1 else keras.layers.Concatenate()(known)
