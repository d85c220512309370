"""The bare Keras script that ``benchmarks.training`` compares with: the same arrays, network, epochs and batches.

    python -m benchmarks.training_bare DATASET MODEL_AS_JSON THREADS

Prints the seconds from reading the arrays to the last forecast; importing is not counted.
"""

from __future__ import annotations

import json
import sys
import time

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

_LAYERS = {
    "Dense": lambda model: [
        keras.layers.Flatten(),
        *(keras.layers.Dense(model["units"], activation="relu") for _ in range(model["layers"])),
    ],
    "LSTM": lambda model: [
        *(keras.layers.LSTM(model["units"], return_sequences=True) for _ in range(model["layers"] - 1)),
        keras.layers.LSTM(model["units"]),
        keras.layers.RepeatVector(24),
        keras.layers.LSTM(model["units"], return_sequences=True),
    ],
}


def main() -> None:
    """Train and forecast."""
    dataset_path, model_json, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model = json.loads(model_json)
    began = time.monotonic()
    with np.load(dataset_path) as stored:
        inputs, targets, parts = stored["inputs_scaled"], stored["targets_scaled"], dict(stored)
    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(24 if model["kind"] == "Dense" else 1, kernel_initializer="zeros")
    network = keras.Sequential(
        [keras.layers.Input(inputs.shape[1:]), *_LAYERS[model["kind"]](model), last, keras.layers.Reshape((24, 1))]
    )
    network.compile(optimizer=keras.optimizers.Adam(0.001), loss="mse")
    network.fit(
        inputs[parts["train"]],
        targets[parts["train"]],
        validation_data=(inputs[parts["validation"]], targets[parts["validation"]]),
        epochs=model["epochs"],
        batch_size=model["batch_size"],
        callbacks=[keras.callbacks.EarlyStopping(patience=model["patience"], restore_best_weights=True)],
        verbose=0,
    )
    network.predict(inputs[parts["test"]], verbose=0)
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
