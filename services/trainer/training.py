"""Training one model on a data set, or on a fold of it, and measuring it there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.trainer.evaluation import Evaluation, evaluate
from services.trainer.models.base import (
    Epoch,
    Forecaster,
    History,
    TrainingData,
    share_of_time,
)
from services.trainer.models.checkpoint import CheckpointFile
from services.trainer.models.columns import describe_columns
from services.trainer.models.registry import model_class
from shared.series.artifact import StoredDataset
from shared.series.configuration import Configuration
from shared.series.parameters.base import ModelParameters

Send = Callable[[dict[str, Any]], None]

FITTED: dict[str, Any] = {"type": "fitted"}
"""Said of the model that is wanted: whoever watches the time need not any longer."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, how it came about, and how good it is."""

    model: Forecaster
    history: History
    evaluation: Evaluation


@dataclass(slots=True)
class Training:
    """How one job trains: ``fits`` models of the same parameters, one after the other, for one target.

    The fits to come share the time that is left until ``deadline`` (monotonic seconds). ``checkpoints``: where they are
    kept, and continued from. ``longest``: seconds of the longest one so far. ``before``: seconds that earlier attempts
    have trained.
    """

    configuration: Configuration
    target: int
    parameters: ModelParameters
    fits: int
    send: Send
    deadline: float | None = None
    checkpoints: CheckpointFile | None = None
    longest: float = field(default=0.0, init=False)
    before: float = field(default=0.0, init=False)

    def run(self, dataset: StoredDataset, number: int) -> Trained:
        """Train and evaluate the model of that number, counted from 0, on a data set of its own."""
        model = model_class(self.parameters.kind)(self.parameters)
        data = training_data(dataset, self.configuration, self.target)
        until = share_of_time(self.deadline, self.fits - number)
        fit_began = time.monotonic()
        kept = self.checkpoints
        if kept is not None and number > 0:
            kept = kept.of(f"fold {number}")
        history = model.fit(data, lambda epoch: self.send(self._progress(epoch, number)), kept, until)
        self.before += history.seconds_before
        self.longest = max(self.longest, time.monotonic() - fit_began)
        if number == 0:
            self.send(FITTED)
        self._tell_end(number)
        test = model.predict(dataset.inputs_scaled[dataset.parts["test"]])[..., 0]
        validation = model.predict(data.validation_inputs)[..., 0] if len(data.validation_inputs) else test[:0]
        return Trained(model, history, evaluate(dataset, self.configuration, self.target, validation, test))

    def leaves_out(self, number: int) -> bool:
        """True where no time is left for the model of that number, which then counts as trained.

        A kind that cannot end early needs as much as the longest fit has taken.
        """
        if self.deadline is None:
            return False
        left = self.deadline - time.monotonic()
        if left > (0.0 if self.parameters.ends_early else self.longest):
            return False
        self._tell_end(number)
        return True

    def _tell_end(self, number: int) -> None:
        """Also of a fit that ended early, or told nothing on the way."""
        self.send({"type": "progress", "phase": "training", "fraction": (number + 1) / self.fits})
        if number == self.fits - 1:
            self.send({"type": "progress", "phase": "evaluation", "fraction": 0.0})

    def _progress(self, epoch: Epoch, number: int) -> dict[str, Any]:
        return progress_of(epoch, (number + epoch.share) / self.fits)


def progress_of(epoch: Epoch, share: float) -> dict[str, Any]:
    """The message that tells of an epoch, where that share of all training is done."""
    return {
        "type": "progress",
        "phase": "training",
        "fraction": share,
        "epoch": epoch.epoch,
        "epochs": epoch.epochs,
        "loss": epoch.loss,
        "val_loss": epoch.val_loss,
    }


def training_data(dataset: StoredDataset, configuration: Configuration, target: int) -> TrainingData:
    """The windows of the training and the validation part, for one target."""
    train, validation = dataset.parts["train"], dataset.parts["validation"]
    targets = dataset.targets_scaled[..., target : target + 1]
    return TrainingData(
        dataset.inputs_scaled[train],
        targets[train],
        dataset.inputs_scaled[validation],
        targets[validation],
        describe_columns(configuration, dataset.manifest, [target]),
    )
