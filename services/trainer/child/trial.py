"""One trial of a search: a model is trained and measured on the validation part; nothing of it is kept."""

from __future__ import annotations

import math
import time
from typing import Any

from services.trainer.child.task import Task
from services.trainer.models.registry import model_class
from services.trainer.training import FITTED, Send, progress_of, training_data


def run_trial(specification: dict[str, Any], send: Send) -> dict[str, Any]:
    """The final message, whose metric is what the search makes small. Raises :class:`ProblemError`."""
    began = time.monotonic()
    task = Task.read(specification)
    data = training_data(task.dataset, task.configuration, task.target)
    model = model_class(task.parameters.kind)(task.parameters)
    model.fit(data, lambda epoch: send(progress_of(epoch, epoch.share)), deadline=task.deadline)
    send(FITTED)
    loss = model.squared_error(data.validation_inputs, data.validation_targets)
    if not math.isfinite(loss):
        raise model.not_converged("Its error on the validation part is no number.")
    return {
        "type": "trained",
        "metrics": {"val_loss": loss},
        "summary": {"duration_seconds": round(time.monotonic() - began, 3)},
    }
