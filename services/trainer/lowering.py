"""Which settings of a model to lower, and to what, so that it becomes small enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.series.advice import Remedy, Setting, greatest, rounded_down
from shared.series.parameters.base import ModelParameters

_SIZES = ("batch_size", "units", "filters", "layers", "kernel", "trees", "leaves", "max_samples")
"""In the order in which lowering them costs least of what a model can learn."""
_NO_COVARIATES = ("covariates", "none")

Suffices = Callable[[ModelParameters], bool]


def remedies(parameters: ModelParameters, suffices: Suffices) -> list[Remedy]:
    """Each alone is enough; where no single setting is, all sizes together, halved as often as it takes.

    Empty where lowering what can be lowered is not enough.
    """
    present = [name for name in _SIZES if isinstance(getattr(parameters, name, None), int | list)]
    if isinstance(getattr(parameters, "layers", None), list):
        # Which says the units of each layer itself.
        present.remove("units")
    alone: list[Remedy] = [[setting] for name in present if (setting := _lower(parameters, name, suffices))]
    name, value = _NO_COVARIATES
    if getattr(parameters, name, value) != value and suffices(_changed(parameters, name, value)):
        alone.append([Setting(name, getattr(parameters, name), value)])
    return alone or _together(parameters, present, suffices)


def _lower(parameters: ModelParameters, name: str, suffices: Suffices) -> Setting | None:
    given = _size(parameters, name)
    least = _least(parameters, name)
    found = greatest(least, given, lambda size: suffices(_resized(parameters, name, size)))
    if found is None:
        return None
    return _setting(parameters, name, max(least, rounded_down(found)))


def _together(parameters: ModelParameters, names: list[str], suffices: Suffices) -> list[Remedy]:
    smaller = parameters
    while not suffices(smaller):
        before = smaller
        for name in names:
            size = max(_least(parameters, name), rounded_down(_size(smaller, name) // 2))
            smaller = _resized(smaller, name, min(size, _size(smaller, name)))
        if smaller == before:
            return []
    found = [name for name in names if getattr(smaller, name) != getattr(parameters, name)]
    return [[_setting(parameters, name, _size(smaller, name)) for name in found]]


def _setting(parameters: ModelParameters, name: str, size: int) -> Setting:
    return Setting(name, getattr(parameters, name), getattr(_resized(parameters, name, size), name))


def _size(parameters: ModelParameters, name: str) -> int:
    value = getattr(parameters, name)
    return max(value) if isinstance(value, list) else int(value)


def _resized(parameters: ModelParameters, name: str, size: int) -> ModelParameters:
    """Of a list, no entry is larger than that."""
    value = getattr(parameters, name)
    return _changed(parameters, name, [min(one, size) for one in value] if isinstance(value, list) else size)


def _changed(parameters: ModelParameters, name: str, value: Any) -> ModelParameters:
    return parameters.model_copy(update={name: value})


def _least(parameters: ModelParameters, name: str) -> int:
    bounds = (getattr(bound, "ge", None) for bound in type(parameters).model_fields[name].metadata)
    return next((int(bound) for bound in bounds if bound is not None), 1)
