"""Whether a network forecasts relative to the mean of a target's own window.

A series whose level moves lies, in the test part, where a network has never seen it; what is left around its windows'
means does not. After reversible instance normalization (Kim et al., ICLR 2022), without its scaling.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.trainer.models.base import History, TrainingData, Windows
from services.trainer.models.columns import OwnPast
from services.trainer.models.ridge import Array, NormalEquations, squared_error
from shared.series.parameters.neural import RelativeParameters

Seen = Literal["as it is", "relative"]

_COST = 0.05
"""What it may cost a linear map. That reaches as far as the level goes, a network only as far as it has seen."""
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_MOST_WINDOWS = 3_000
_MOST_STEPS = 512


def is_relative(parameters: RelativeParameters, data: TrainingData, history: History) -> bool:
    """As asked for; with ``auto`` where the level says next to nothing that the window's shape does not say.

    That is where linear maps of the targets' own windows and the other columns' means do as well on the validation
    part without it. Without a validation part, or a target's past among the inputs, it is False. ``history`` is told
    of what was chosen, and of a choice that has no effect.
    """
    own = [data.columns.of_target(target) for target in range(data.output_shape[1])]
    known = [(target, past) for target, past in enumerate(own) if past is not None]
    if parameters.normalization == "none":
        return False
    if parameters.normalization == "window":
        if not known:
            history.warnings.append("normalization 'window' has no effect: no target's past is among the inputs.")
        return bool(known)
    chosen = False
    if known and len(data.validation_inputs):
        chosen = _error(data, known, "relative") <= (1 + _COST) * _error(data, known, "as it is")
    history.chosen["normalization"] = "window" if chosen else "none"
    return chosen


def _error(data: TrainingData, known: list[tuple[int, OwnPast]], seen: Seen) -> float:
    """Over the targets, the sum of the squared errors on the validation part, at the best of some penalties."""
    total = 0.0
    for target, past in known:
        equations = NormalEquations(iter([_rows(data.inputs, data.targets[..., target], past, seen)]))
        validation = _rows(data.validation_inputs, data.validation_targets[..., target], past, seen)
        total += min(squared_error(equations.solve(ridge), iter([validation]))[0] for ridge in _RIDGES)
    return total


def _rows(inputs: Windows, targets: NDArray[np.float32], past: OwnPast, seen: Seen) -> tuple[Array, Array]:
    """Of at most so many windows, evenly: what the map sees (n, p), and what it is to give (n, O)."""
    places = np.linspace(0, len(inputs) - 1, min(len(inputs), _MOST_WINDOWS)).astype(np.int64)
    windows = inputs[places].astype(np.float64)
    means = windows.mean(axis=1)
    own = past.slope * windows[:, -_MOST_STEPS:, past.column] + past.intercept
    base = np.zeros((len(places), 1))
    if seen == "relative":
        base = past.slope * means[:, [past.column]] + past.intercept
        means[:, past.column] = 0.0
    return np.hstack([own - base, means]), targets[places].astype(np.float64) - base
