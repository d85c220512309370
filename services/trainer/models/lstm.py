"""LSTM networks over the window (algorithms section 6)."""

from __future__ import annotations

from typing import Any

import keras  # type: ignore[import-untyped]

from services.trainer.models.columns import Columns
from services.trainer.models.neural import Neural
from shared.series.parameters.base import Shape
from shared.series.parameters.neural import LSTMParameters


class LSTM(Neural):
    """The window is read, then the forecast is written; or each step is answered as it is read."""

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """See :class:`Neural`."""
        parameters = self.parameters
        assert isinstance(parameters, LSTMParameters)

        def layer(*, sequences: bool) -> Any:
            return keras.layers.LSTM(parameters.units, activation=parameters.activation, return_sequences=sequences)

        layers: list[Any] = [keras.layers.Input(inputs)]
        layers += [layer(sequences=True) for _ in range(parameters.layers - 1)]
        if parameters.repeats(inputs, outputs):
            layers += [layer(sequences=False), keras.layers.RepeatVector(outputs[0])]
        layers += [layer(sequences=True), keras.layers.Dense(outputs[1], kernel_initializer="zeros")]
        return keras.Sequential(layers)
