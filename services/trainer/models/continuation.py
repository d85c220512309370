"""A network's training, kept after each epoch and continued as if it had never been interrupted."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from services.trainer.models.base import Epoch, History
from services.trainer.models.checkpoint import Checkpoint, CheckpointFile


@dataclass(slots=True)
class Stopwatch:
    """Seconds of training, those before an interruption included."""

    before: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Until now."""
        return self.before + time.monotonic() - self._began


class Continuation(keras.callbacks.Callback):  # type: ignore[misc]
    """To be called after ``early_stopping``, whose state it keeps and gives back.

    Kept are the network's variables (those of random numbers among them), the optimiser's, the best epoch's weights,
    and what early stopping and ``history`` know. The order of the windows depends on the epoch alone.
    """

    def __init__(
        self, file: CheckpointFile, history: History, early_stopping: keras.callbacks.EarlyStopping, clock: Stopwatch
    ) -> None:
        super().__init__()
        self._file = file
        self._history = history
        self._early_stopping = early_stopping
        self._clock = clock
        self._stopping: dict[str, Any] | None = None

    def resume(self, model: Any) -> bool:
        """Put the checkpoint's state into a compiled model and the history; True where nothing is left to train."""
        found = self._file.read()
        if found is None:
            return False
        variables, values = list(model.variables), list(found.arrays["network"])
        if not found.state["ended"]:
            model.optimizer.build(model.trainable_variables)
            variables += model.optimizer.variables
            values += found.arrays["optimizer"]
        if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
            self._file.on_refused("its network has other shapes")
            return False
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        state = found.state
        # Where the newest epoch is the best one, its weights are not kept twice.
        best = found.arrays["best"] or model.get_weights()
        self._stopping = {**state["early_stopping"], "best_weights": best}
        self._clock.before = self._history.seconds_before = state["seconds"]
        # An older version's epochs may say more.
        self._history.epochs.extend(
            Epoch(**{one.name: epoch[one.name] for one in fields(Epoch)}) for epoch in state["epochs"]
        )
        # Some are said anew by each attempt, before its first epoch.
        said = self._history.warnings
        said.extend(warning for warning in state["warnings"] if warning not in said)
        self._history.continued_from = self._history.epochs[-1].epoch
        self._history.report(self._history.epochs[-1])
        return bool(state["over"])

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Keras calls this; early stopping has just forgotten everything."""
        for name, value in (self._stopping or {}).items():
            setattr(self._early_stopping, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        stopping = self._early_stopping
        arrays = {
            "network": _values(self.model.variables),
            "optimizer": _values(self.model.optimizer.variables),
            "best": [] if stopping.best_epoch == epoch else stopping.best_weights,
        }
        self._file.write(Checkpoint(epoch + 1, self._state(ended=False), arrays))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Keras calls this; early stopping has just restored the best weights, and nothing else is needed any more."""
        arrays = {"network": _values(self.model.variables), "optimizer": [], "best": []}
        self._file.keep(Checkpoint(len(self._history.epochs), self._state(ended=True), arrays))

    def _state(self, *, ended: bool) -> dict[str, Any]:
        stopping, history = self._early_stopping, self._history
        return {
            "ended": ended,
            "epochs": [asdict(entry) for entry in history.epochs],
            "warnings": history.warnings,
            "seconds": self._clock.seconds,
            "over": ended or self.model.stop_training,
            "early_stopping": {
                "wait": stopping.wait,
                "best": float(stopping.best),
                "best_epoch": stopping.best_epoch,
            },
        }


def _values(variables: list[Any]) -> list[NDArray[Any]]:
    return [np.asarray(variable) for variable in variables]
