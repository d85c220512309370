"""What every model is: something that is fitted on scaled windows, forecasts them, and can be kept in a file."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from services.trainer.models.checkpoint import CheckpointFile
from services.trainer.models.columns import Columns
from services.trainer.models.convergence import not_converged
from shared.problems import ProblemError
from shared.series.parameters.base import ModelParameters

Windows = NDArray[np.float32]

_EXPLODED = 100.0
"""Times the targets' mean square, or 1 where that is less: such a model is off by ten times what it forecasts."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Scaled windows: inputs (n, I, F_in) and targets (n, O, F_out), for training and for validation.

    ``columns``: what is known of the columns; nothing, where windows come without a configuration.
    """

    inputs: Windows
    targets: Windows
    validation_inputs: Windows
    validation_targets: Windows
    columns: Columns = field(default_factory=Columns)

    @property
    def input_shape(self) -> tuple[int, int]:
        """(I, F_in)."""
        return self.inputs.shape[1], self.inputs.shape[2]

    @property
    def output_shape(self) -> tuple[int, int]:
        """(O, F_out)."""
        return self.targets.shape[1], self.targets.shape[2]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training windows, or one of the estimators that a model is made of.

    Losses are mean squared errors of scaled values.
    """

    epoch: int
    epochs: int
    loss: float
    val_loss: float | None
    part: float | None = None
    """Share of the whole work that is done where an epoch is told of before its end."""

    @property
    def share(self) -> float:
        """Share of the whole work that is done."""
        return self.epoch / self.epochs if self.part is None else self.part


Report = Callable[[Epoch], None]


def share_of_time(deadline: float | None, parts: int) -> float | None:
    """The deadline of the first of so many parts that share the time until ``deadline``; now where that has passed."""
    now = time.monotonic()
    return None if deadline is None else now + max(0.0, deadline - now) / parts


@dataclass(slots=True)
class History:
    """What happened while fitting; a model's ``_fit`` writes it."""

    report: Report
    parameters: ModelParameters
    epochs: list[Epoch] = field(default_factory=list)
    epochs_requested: int | None = None
    """None where a model has no passes over the windows."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """What was chosen on the validation part, by the parameters' names."""
    warnings: list[str] = field(default_factory=list)
    checkpoints: CheckpointFile | None = None
    """Where a model of many epochs keeps how far it got, and looks how far an attempt before got."""
    continued_from: int | None = None
    """The epoch that an earlier attempt had ended; of an ensemble, the member."""
    seconds_before: float = 0.0
    """How long that attempt, and those before it, had trained."""
    deadline: float | None = None
    """Monotonic seconds at which a model that can end early does; None without a limit of time."""

    @property
    def time_is_over(self) -> bool:
        """True once the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def note(self, epoch: Epoch) -> None:
        """Keep and tell it. Raises MODEL_CONVERGENCE when its losses left the numbers."""
        self.epochs.append(epoch)
        _check_numbers(self)
        self.report(epoch)


class Forecaster(ABC):
    """One model. Subclasses give ``_fit``, ``_predict``, ``save`` and ``load``; ``fit`` and ``predict`` are final."""

    file_name: ClassVar[str]
    """What its file is called; the suffix says in which format it is kept."""
    libraries: ClassVar[tuple[str, ...]]
    """Modules that compute and read its kind."""

    def __init__(self, parameters: ModelParameters) -> None:
        self.parameters = parameters
        self.epochs: list[Epoch] = []
        """Of its fitting, where that was here."""

    @final
    def fit(
        self,
        data: TrainingData,
        report: Report,
        checkpoints: CheckpointFile | None = None,
        deadline: float | None = None,
    ) -> History:
        """Learn. Raises MODEL_CONVERGENCE when the losses leave the numbers, or never come near the targets.

        With ``checkpoints``, a model of many epochs continues from the one that is there, and keeps its own. A model
        that can end early does at ``deadline`` (monotonic seconds), or earlier at its own ``time_limit_seconds``.
        """
        limit = self.parameters.time_limit_seconds
        own = None if limit is None else time.monotonic() + limit
        deadlines = [one for one in (deadline, own) if one is not None]
        history = History(report, self.parameters, checkpoints=checkpoints, deadline=min(deadlines, default=None))
        self._fit(data, history)
        self.epochs = history.epochs
        _check_explosion(history, data)
        return history

    @final
    def predict(self, inputs: Windows) -> NDArray[np.float64]:
        """(n, I, F_in) scaled to (n, O, F_out) scaled, all windows at once.

        Raises MODEL_CONVERGENCE for forecasts that are no numbers.
        """
        forecast = self._predict(inputs)
        if not np.isfinite(forecast).all():
            raise self.not_converged("The model forecasts values that are no numbers.")
        return forecast.astype(np.float64)

    @final
    def not_converged(self, detail: str) -> ProblemError:
        """The MODEL_CONVERGENCE problem of what was found after its fitting."""
        return not_converged(detail, self.parameters, self.epochs)

    @final
    def squared_error(self, inputs: Windows, targets: Windows) -> float:
        """Mean over (n, I, F_in) and (n, O, F_out), of scaled values. Raises as :meth:`predict`."""
        return float(np.mean((self.predict(inputs) - targets) ** 2))

    @abstractmethod
    def _fit(self, data: TrainingData, history: History) -> None:
        """Learn, noting each epoch, what was chosen, and what the user should know."""

    @abstractmethod
    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        """Forecast."""

    @abstractmethod
    def save(self, folder: Path) -> Path:
        """Write ``file_name`` into the folder; its path."""

    def save_for_old_clients(self, folder: Path) -> None:  # noqa: B027
        """Write ``legacy_model.h5``, too, where that is a format of this kind."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: tuple[int, int]) -> Self:
        """Read what :meth:`save` wrote: our own file, checked by its hash before. Never unpickles."""

    @property
    def computed_with(self) -> tuple[str, ...]:
        """Modules that compute and read it; their versions are kept with it."""
        return self.libraries

    @property
    @abstractmethod
    def weight_count(self) -> int:
        """How many numbers were learned."""


def _check_numbers(history: History) -> None:
    last = history.epochs[-1]
    losses = [last.loss] + ([last.val_loss] if last.val_loss is not None else [])
    if not all(np.isfinite(loss) for loss in losses):
        raise not_converged(
            f"The loss left the numbers in epoch {last.epoch}.", history.parameters, history.epochs[:-1]
        )


def _check_explosion(history: History, data: TrainingData) -> None:
    """The best epoch counts: a model may start far off, and its best weights are the ones that are kept."""
    best = min(epoch.loss for epoch in history.epochs)
    limit = _EXPLODED * max(1.0, float(np.mean(np.square(data.targets, dtype=np.float64))))
    if best > limit:
        raise not_converged(f"The loss exploded: at best it was {best:.4g}.", history.parameters, history.epochs)
