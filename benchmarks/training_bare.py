"""The bare Keras script that ``benchmarks.training`` compares with: the same arrays, network, epochs and batches.

    python -m benchmarks.training_bare DATASET MODEL_AS_JSON THREADS

Prints the seconds from reading the arrays to the last forecast; importing is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

_HOURS = 24


def network(model: dict[str, Any], shape: tuple[int, int]) -> Any:
    """The same network, written down plainly."""
    layers, units = keras.layers, model["units"]
    window = hidden = layers.Input(shape)
    if model["kind"] == "Dense":
        hidden = layers.Flatten()(hidden)
        for _ in range(model["layers"]):
            hidden = layers.Dense(units, activation="relu")(hidden)
        hidden = layers.Dense(_HOURS, kernel_initializer="zeros")(hidden)
        return keras.Model(window, layers.Reshape((_HOURS, 1))(hidden))
    for _ in range(model["layers"] - 1):
        hidden = layers.LSTM(units, return_sequences=True)(hidden)
    read, *state = layers.LSTM(units, return_state=True)(hidden)
    codes = layers.EinsumDense("bsf,fu->bsu", output_shape=(_HOURS, units), bias_axes="su")
    hidden = layers.LSTM(units, return_sequences=True)(codes(layers.RepeatVector(_HOURS)(read)), initial_state=state)
    return keras.Model(window, layers.Dense(1, kernel_initializer="zeros")(hidden))


def main() -> None:
    """Train and forecast."""
    dataset_path, model_json, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model = json.loads(model_json)
    began = time.monotonic()
    with np.load(dataset_path) as stored:
        inputs, targets, parts = stored["inputs_scaled"], stored["targets_scaled"], dict(stored)
    keras.utils.set_random_seed(0)
    trained = network(model, inputs.shape[1:])
    trained.compile(optimizer=keras.optimizers.Adam(0.001), loss="mse")
    trained.fit(
        inputs[parts["train"]],
        targets[parts["train"]],
        validation_data=(inputs[parts["validation"]], targets[parts["validation"]]),
        epochs=model["epochs"],
        batch_size=model["batch_size"],
        callbacks=[keras.callbacks.EarlyStopping(patience=model["patience"], restore_best_weights=True)],
        verbose=0,
    )
    trained.predict(inputs[parts["test"]], verbose=0)
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
