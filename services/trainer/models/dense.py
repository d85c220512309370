"""A multilayer perceptron on the flattened window (algorithms section 6)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]
from numpy.typing import NDArray

from services.trainer.models.base import Epoch, Forecaster, Report, TrainingData, Windows
from shared.series.model_parameters import DenseParameters, ModelParameters

_PREDICT_BATCH = 1024


class Dense(Forecaster):
    """Adam, mean squared error, early stopping on the validation loss with the best weights restored."""

    file_name: ClassVar[str] = "model.keras"
    libraries: ClassVar[tuple[str, ...]] = ("keras", "tensorflow")

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        self._model: Any = None

    def _fit(self, data: TrainingData, note: Report) -> int:
        parameters = self.parameters
        assert isinstance(parameters, DenseParameters)
        keras.utils.set_random_seed(parameters.seed)
        tf.config.experimental.enable_op_determinism()
        self._model = build(parameters, data.inputs.shape[1:], data.targets.shape[1:])
        validation = (data.validation_inputs, data.validation_targets) if len(data.validation_inputs) else None
        early_stopping = keras.callbacks.EarlyStopping(
            monitor="val_loss" if validation else "loss", patience=parameters.patience, restore_best_weights=True
        )
        with _memory_errors():
            self._model.fit(
                data.inputs,
                data.targets,
                validation_data=validation,
                epochs=parameters.epochs,
                batch_size=parameters.batch_size,
                verbose=0,
                callbacks=[_Notes(note, parameters.epochs), early_stopping],
            )
        return parameters.epochs

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        with _memory_errors():
            forecast: NDArray[np.float32] = self._model.predict(inputs, batch_size=_PREDICT_BATCH, verbose=0)
        return forecast

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`."""
        path = folder / self.file_name
        self._model.save(path)
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: tuple[int, int]) -> Self:
        """See :class:`Forecaster`; in Keras' safe mode."""
        model = cls(parameters)
        model._model = keras.saving.load_model(folder / cls.file_name, safe_mode=True)
        return model

    @property
    def weight_count(self) -> int:
        """Kernels and biases."""
        return int(self._model.count_params())


def build(parameters: DenseParameters, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> Any:
    """The compiled network: (I, F_in) to (O, F_out); its last kernel starts at zero."""
    layers: list[Any] = [keras.layers.Input(input_shape), keras.layers.Flatten()]
    layers += [keras.layers.Dense(units, activation=parameters.activation) for units in parameters.layer_units]
    layers += [
        keras.layers.Dense(int(np.prod(output_shape)), kernel_initializer="zeros"),
        keras.layers.Reshape(output_shape),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(parameters.learning_rate), loss="mse")
    return model


@contextmanager
def _memory_errors() -> Iterator[None]:
    """TensorFlow has an error of its own for memory that ran out."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(str(error)) from error


class _Notes(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells of each epoch, with the time that the remaining ones will take at the speed so far."""

    def __init__(self, note: Report, epochs: int) -> None:
        super().__init__()
        self._note = note
        self._epochs = epochs
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        losses = logs or {}
        done = epoch + 1
        self._note(
            Epoch(
                done,
                self._epochs,
                float(losses.get("loss", float("nan"))),
                float(losses["val_loss"]) if "val_loss" in losses else None,
                (time.monotonic() - self._began) / done * (self._epochs - done),
            )
        )
