"""Whether a network forecasts relative to the mean of a target's own window.

A series whose level moves lies, in the test part, where a network has never seen it; what is left around its windows'
means does not. After reversible instance normalization (Kim et al., ICLR 2022), without its scaling.
"""

from __future__ import annotations

import numpy as np

from services.trainer.models.base import History, TrainingData
from services.trainer.models.columns import OwnPast
from shared.series.parameters.neural import RelativeParameters

_LEAST_GAIN = 0.05
"""Less is as good as nothing: the windows' means are only nearer by chance."""


def is_relative(parameters: RelativeParameters, data: TrainingData, history: History) -> bool:
    """As asked for; with ``auto`` where the windows' means are clearly nearer to what follows than the training's.

    That is measured on the validation part, over all targets whose past is among the inputs; without either it is
    False. ``history`` is told of what was chosen, and of a choice that has no effect.
    """
    own = [data.columns.of_target(target) for target in range(data.output_shape[1])]
    known = [(target, past) for target, past in enumerate(own) if past is not None]
    if parameters.normalization == "none":
        return False
    if parameters.normalization == "window":
        if not known:
            history.warnings.append("normalization 'window' has no effect: no target's past is among the inputs.")
        return bool(known)
    nearer = bool(known) and len(data.validation_inputs) > 0 and _gain(data, known) > _LEAST_GAIN
    history.chosen["normalization"] = "window" if nearer else "none"
    return nearer


def _gain(data: TrainingData, known: list[tuple[int, OwnPast]]) -> float:
    """By what share the squared distances from the windows' means are less than from the training part's mean."""
    distances = np.sum([_distances(data, target, past) for target, past in known], axis=0)
    return float(1.0 - distances[1] / distances[0]) if distances[0] else 0.0


def _distances(data: TrainingData, target: int, past: OwnPast) -> tuple[float, float]:
    """Mean squares around the training part's mean, and around the windows' own."""
    truth = data.validation_targets[..., target].astype(np.float64)
    windows = past.slope * data.validation_inputs[..., past.column].astype(np.float64) + past.intercept
    around_one = np.mean((truth - data.targets[..., target].mean(dtype=np.float64)) ** 2)
    return float(around_one), float(np.mean((truth - windows.mean(axis=1, keepdims=True)) ** 2))
