"""What all neural networks share: one training loop, one way to forecast, one file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]
from numpy.typing import NDArray

from services.trainer.models.base import Epoch, Forecaster, History, TrainingData, Windows
from services.trainer.models.batches import ShuffledBatches
from services.trainer.models.columns import Columns
from services.trainer.models.continuation import Continuation, Stopwatch
from services.trainer.models.given_maps import relative_to_windows
from services.trainer.models.relative import is_relative
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.neural import NeuralParameters, RelativeParameters

_VALUES_AT_ONCE = 32_000_000
"""Numbers in memory while forecasting: 128 MB of float32."""
_MOST_WINDOWS_AT_ONCE = 1024


class Neural(Forecaster):
    """Adam, mean squared error, early stopping on the validation loss with the best weights restored.

    Subclasses give the network.
    """

    file_name: ClassVar[str] = "model.keras"
    libraries: ClassVar[tuple[str, ...]] = ("keras", "tensorflow")

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        self._model: Any = None

    @abstractmethod
    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """The network, not compiled: (n, I, F_in) to (n, O, F_out); its last kernel starts at zero."""

    def steps_at_once(self, data: TrainingData) -> int:
        """How many batches TensorFlow learns from before Python is asked whether to go on: small ones cost less so."""
        return 1

    def _fit(self, data: TrainingData, history: History) -> None:
        parameters = self.parameters
        assert isinstance(parameters, NeuralParameters)
        history.epochs_requested = parameters.epochs
        keras.utils.set_random_seed(parameters.seed)
        tf.config.experimental.enable_op_determinism()
        self._model = self._network(data, history)
        self._model.compile(
            optimizer=keras.optimizers.Adam(parameters.learning_rate),
            loss="mse",
            steps_per_execution=self.steps_at_once(data),
        )
        validation = (data.validation_inputs, data.validation_targets) if len(data.validation_inputs) else None
        early_stopping = keras.callbacks.EarlyStopping(
            monitor="val_loss" if validation else "loss", patience=parameters.patience, restore_best_weights=True
        )
        clock = Stopwatch()
        batches = ShuffledBatches(data, parameters.batch_size, seed=parameters.seed)
        callbacks = [batches, _Notes(history, parameters), early_stopping]
        over = False
        if history.checkpoints is not None:
            continuation = Continuation(history.checkpoints, history, early_stopping, clock)
            over = continuation.resume(self._model)
            callbacks.append(continuation)
        done = history.continued_from or 0
        if done and not over and history.time_is_over:
            over = True
            history.warnings.append(_ended_early(done, parameters.epochs))
        with _memory_errors():
            self._model.fit(
                batches.dataset,
                validation_data=validation,
                validation_batch_size=parameters.batch_size,
                initial_epoch=done,
                epochs=done if over else parameters.epochs,
                shuffle=False,
                verbose=0,
                callbacks=callbacks,
            )

    def _network(self, data: TrainingData, history: History) -> Any:
        network = self.network(data.input_shape, data.output_shape, data.columns)
        parameters = self.parameters
        if not isinstance(parameters, RelativeParameters) or not is_relative(parameters, data, history):
            return network
        return relative_to_windows(network, data.input_shape, data.output_shape, data.columns)

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        values = self.parameters.activations(self._model.input_shape[1:], self._model.output_shape[1:])
        batch = int(np.clip(_VALUES_AT_ONCE // values, 1, _MOST_WINDOWS_AT_ONCE))
        with _memory_errors():
            forecast: NDArray[np.float32] = self._model.predict(inputs, batch_size=batch, verbose=0)
        return forecast

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`."""
        path = folder / self.file_name
        self._model.save(path)
        return path

    def save_for_old_clients(self, folder: Path) -> None:
        """See :class:`Forecaster`; HDF5, which Foretide never reads: loading it can run what is in it."""
        self._model.save(folder / "legacy_model.h5", include_optimizer=False)

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: tuple[int, int]) -> Self:
        """See :class:`Forecaster`; in Keras' safe mode."""
        model = cls(parameters)
        model._model = keras.saving.load_model(folder / cls.file_name, safe_mode=True)
        return model

    @property
    def weight_count(self) -> int:
        """Kernels and biases."""
        return sum(int(np.prod(weight.shape)) for weight in self._model.trainable_weights)


@contextmanager
def _memory_errors() -> Iterator[None]:
    """TensorFlow has an error of its own for memory that ran out."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(str(error)) from error


class _Notes(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells of each epoch; ends training when its time is over."""

    def __init__(self, history: History, parameters: NeuralParameters) -> None:
        super().__init__()
        self._history = history
        self._epochs = parameters.epochs
        self._over = False

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        if self._history.time_is_over:
            self._over = True
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        losses = logs or {}
        done = epoch + 1
        self._history.note(
            Epoch(
                done,
                self._epochs,
                float(losses.get("loss", float("nan"))),
                float(losses["val_loss"]) if "val_loss" in losses else None,
            )
        )
        if self._over:
            self._history.warnings.append(_ended_early(done, self._epochs))


def _ended_early(epoch: int, epochs: int) -> str:
    return f"The time limit ended training in epoch {epoch} of {epochs}."
