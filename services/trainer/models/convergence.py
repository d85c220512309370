"""Training that came to nothing: the last losses, and what to try with which values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, sentence
from shared.series.parameters.base import ModelParameters

_SHOWN = 5
_ORDER = 10
"""A learning rate or a penalty is tried an order of magnitude further."""
_LEAST_RIDGE = 0.001
_FEW_LAYERS, _FEW_UNITS = 2, 64
_STEADY_BATCH = 32


class Losses(Protocol):
    """An epoch's."""

    @property
    def loss(self) -> float: ...
    @property
    def val_loss(self) -> float | None: ...


def not_converged(detail: str, parameters: ModelParameters, epochs: Sequence[Losses]) -> ProblemError:
    """The MODEL_CONVERGENCE problem, with the last losses of ``epochs`` that were numbers."""
    losses = _last([epoch.loss for epoch in epochs])
    validation = _last([epoch.val_loss for epoch in epochs])
    shown = f" Last losses: {', '.join(f'{loss:.4g}' for loss in losses)}." if losses else ""
    ways = what_to_try(parameters)
    return ProblemError(
        Category.MODEL_CONVERGENCE,
        title="Model failed to converge",
        detail=detail + shown,
        recovery=[
            *(sentence(way) for way in ways),
            "Check the series for extreme values in their analysis, and let scaling.kind be robust.",
            *(["Or train Linear, which has a solution always."] if parameters.kind != "Linear" else []),
        ],
        technical_details={
            "kind": parameters.kind,
            "last_losses": losses,
            "last_val_losses": validation,
            "changes": described(ways),
        },
    )


def what_to_try(parameters: ModelParameters) -> list[Remedy]:
    """Each by itself, the one that helps most often first."""
    found: list[Remedy] = []
    rate = _number(parameters, "learning_rate")
    if rate is not None:
        usual = type(parameters).model_fields["learning_rate"].default
        # What is usual, or where that is what failed, ten times less.
        found.append([Setting("learning_rate", rate, usual if rate > usual else _rounded(rate / _ORDER))])
    activation = getattr(parameters, "activation", None)
    if parameters.kind in ("LSTM", "ARLSTM") and activation != "tanh":
        found.append([Setting("activation", activation, "tanh")])
    for name, few in (("layers", _FEW_LAYERS), ("units", _FEW_UNITS), ("filters", _FEW_UNITS)):
        size = _number(parameters, name)
        if size is not None and size > few:
            found.append([Setting(name, int(size), max(few, int(size) // 2))])
    batch = _number(parameters, "batch_size")
    if batch is not None and batch < _STEADY_BATCH:
        found.append([Setting("batch_size", int(batch), _STEADY_BATCH)])
    for name in ("ridge", "l2"):
        penalty = _number(parameters, name)
        if penalty is not None:
            found.append([Setting(name, penalty, max(_LEAST_RIDGE, penalty * _ORDER))])
    cost = _number(parameters, "C")
    if cost is not None:
        found.append([Setting("C", cost, _rounded(cost / _ORDER))])
    return found


def _number(parameters: ModelParameters, name: str) -> float | None:
    value: Any = getattr(parameters, name, None)
    return value if isinstance(value, int | float) else None


def _rounded(number: float) -> float:
    return float(f"{number:.2g}")


def _last(losses: Sequence[float | None]) -> list[float]:
    return [loss for loss in losses if loss is not None and math.isfinite(loss)][-_SHOWN:]
