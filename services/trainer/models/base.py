"""What every model is: something that is fitted on scaled windows, forecasts them, and can be kept in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.model_parameters import ModelParameters

Windows = NDArray[np.float32]

_EXPLODED = 100.0
"""Times the targets' mean square, or 1 where that is less: such a model is off by ten times what it forecasts."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Scaled windows: inputs (n, I, F_in) and targets (n, O, F_out), for training and for validation."""

    inputs: Windows
    targets: Windows
    validation_inputs: Windows
    validation_targets: Windows


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training windows; losses are mean squared errors of scaled values."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float | None
    eta_seconds: float | None = None


@dataclass(slots=True)
class History:
    """What happened while fitting."""

    epochs: list[Epoch] = field(default_factory=list)
    epochs_requested: int | None = None


Report = Callable[[Epoch], None]


class Forecaster(ABC):
    """One model. Subclasses give ``_fit``, ``_predict``, ``save`` and ``load``; ``fit`` and ``predict`` are final."""

    file_name: ClassVar[str]
    """What its file is called; the suffix says in which format it is kept."""
    libraries: ClassVar[tuple[str, ...]]
    """Modules that compute and read it; their versions are kept with it."""

    def __init__(self, parameters: ModelParameters) -> None:
        self.parameters = parameters

    @final
    def fit(self, data: TrainingData, report: Report) -> History:
        """Learn. Raises MODEL_CONVERGENCE when the losses leave the numbers, or never come near the targets."""
        history = History()

        def note(epoch: Epoch) -> None:
            history.epochs.append(epoch)
            _check_numbers(history)
            report(epoch)

        history.epochs_requested = self._fit(data, note)
        _check_explosion(history, data)
        return history

    @final
    def predict(self, inputs: Windows) -> NDArray[np.float64]:
        """(n, I, F_in) scaled to (n, O, F_out) scaled, all windows at once.

        Raises MODEL_CONVERGENCE for forecasts that are no numbers.
        """
        forecast = self._predict(inputs)
        if not np.isfinite(forecast).all():
            raise not_converged("The model forecasts values that are no numbers.", [])
        return forecast.astype(np.float64)

    @abstractmethod
    def _fit(self, data: TrainingData, note: Report) -> int | None:
        """Learn, noting each epoch; the number of epochs asked for, None where there are none."""

    @abstractmethod
    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        """Forecast."""

    @abstractmethod
    def save(self, folder: Path) -> Path:
        """Write ``file_name`` into the folder; its path."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: tuple[int, int]) -> Self:
        """Read what :meth:`save` wrote: our own file, checked by its hash before. Never unpickles."""

    @property
    @abstractmethod
    def weight_count(self) -> int:
        """How many numbers were learned."""


def _check_numbers(history: History) -> None:
    last = history.epochs[-1]
    losses = [last.loss] + ([last.val_loss] if last.val_loss is not None else [])
    if not all(np.isfinite(loss) for loss in losses):
        raise not_converged(
            f"The loss left the numbers in epoch {last.epoch}.", [epoch.loss for epoch in history.epochs[-6:-1]]
        )


def _check_explosion(history: History, data: TrainingData) -> None:
    """The best epoch counts: a model may start far off, and its best weights are the ones that are kept."""
    best = min(epoch.loss for epoch in history.epochs)
    limit = _EXPLODED * max(1.0, float(np.mean(np.square(data.targets, dtype=np.float64))))
    if best > limit:
        raise not_converged(
            f"The loss exploded: at best it was {best:.4g}.", [epoch.loss for epoch in history.epochs[-5:]]
        )


def not_converged(detail: str, last_losses: list[float]) -> ProblemError:
    """The problem, with the last losses that were numbers and what to try."""
    shown = f" Last losses: {', '.join(f'{loss:.4g}' for loss in last_losses)}." if last_losses else ""
    return ProblemError(
        Category.MODEL_CONVERGENCE,
        title="Model failed to converge",
        detail=detail + shown,
        recovery=["Use a smaller learning_rate.", "Use fewer layers or units.", "Check the series for extreme values."],
        technical_details={"last_losses": last_losses},
    )
