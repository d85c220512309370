"""The older spelling of the configuration, brought into the stored one (contracts section 6, last lines).

What is said twice, in both spellings and differently, is refused: neither choice may be dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.problems import Category, ProblemError

_KINDS = {"Dense_NN": "Dense", "LIN": "Linear", "Linear": "Linear", "Dense": "Dense"}
_MODEL_FIELDS = {
    "MODE": "kind",
    "LAY": "layers",
    "N": "units",
    "EP": "epochs",
    "ACTF": "activation",
    "K": "kernel",
    "KERNEL": "kernel",
    "C": "C",
    "EPSILON": "epsilon",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
    "kernelSize": "kernel",
}
_STEP_FIELDS = {"stepSize": "step_minutes", "offset": "offset_minutes"}
_PERCENTAGES = {"trainPercentage": "train", "valPercentage": "validation", "testPercentage": "test"}


def from_older_spelling(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in today's spelling; what is not known here is left for the validation to refuse.

    Raises a problem for a choice that is given twice and differently.
    """
    new = dict(document)
    if "modelParams" in new:
        new = _renamed({**new, "modelParams": _models(new["modelParams"])}, {"modelParams": "models"})
    for spelling in ("time_steps", "timeSteps"):
        if isinstance(new.get(spelling), Mapping):
            new[spelling] = _renamed(new[spelling], _STEP_FIELDS)
    for spelling in ("time_features", "timeFeatures"):
        if isinstance(new.get(spelling), Mapping):
            new[spelling] = _features(new[spelling])
    if isinstance(new.get("models"), list):
        new["models"] = [_model(model) for model in new["models"]]
    return _split(new)


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields under their new names. Raises a problem where two spellings of one field differ."""
    new: dict[str, Any] = {}
    said: dict[str, str] = {}
    for spelling, value in fields.items():
        name = names.get(spelling, spelling)
        if name in new and new[name] != value:
            raise _said_twice(said[name], new[name], spelling, value)
        new[name], said[name] = value, spelling
    return new


def _features(features: Mapping[str, Any]) -> dict[str, Any]:
    """``{year: true, month: false}`` -> the wanted ones with their defaults."""
    return {name: {} if value is True else value for name, value in features.items() if value is not False}


def _models(parameters: Any) -> Any:
    if not isinstance(parameters, Mapping):
        return parameters
    return [{"kind": kind, **value} if isinstance(value, Mapping) else value for kind, value in parameters.items()]


def _model(model: Any) -> Any:
    if not isinstance(model, Mapping):
        return model
    kinds = {name: _KINDS.get(str(model[name]), model[name]) for name in ("kind", "MODE") if name in model}
    return _renamed({**model, **kinds}, _MODEL_FIELDS)


def _split(document: dict[str, Any]) -> dict[str, Any]:
    """Percentages at the top of the document, and ``random_dat`` for shuffling."""
    older = {new: document.pop(old) / 100 for old, new in _PERCENTAGES.items() if _is_number(document.get(old))}
    if "random_dat" in document:
        older["shuffle"] = document.pop("random_dat")
    today = document.get("split")
    if not older or not (today is None or isinstance(today, Mapping)):
        return document
    for name, value in (today or {}).items():
        if name in older and older[name] != value:
            raise _said_twice("the older spelling", older[name], f"split.{name}", value)
    return {**document, "split": {**older, **(today or {})}}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said_twice(one: str, value: Any, other: str, other_value: Any) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The configuration says two things at once",
        detail=f"{one} says {value!r:.100}, but {other} says {other_value!r:.100}.",
        recovery=[f"Leave out {one} or {other}."],
    )
