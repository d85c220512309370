"""The older spelling of the configuration, brought into the stored one (contracts section 6, last lines)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {"Dense_NN": "Dense", "LIN": "Linear", "Linear": "Linear", "Dense": "Dense"}
_MODEL_FIELDS = {
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
_SPLIT_FIELDS = {"trainPercentage": "train", "valPercentage": "validation", "testPercentage": "test"}


def from_older_spelling(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in today's spelling; what is not known here is left for the validation to refuse."""
    new = dict(document)
    if "modelParams" in new:
        new.setdefault("models", _models(new.pop("modelParams")))
    for spelling in ("time_steps", "timeSteps"):
        if isinstance(new.get(spelling), Mapping):
            new[spelling] = {_STEP_FIELDS.get(name, name): value for name, value in new[spelling].items()}
    for spelling in ("time_features", "timeFeatures"):
        if isinstance(new.get(spelling), Mapping):
            new[spelling] = _features(new[spelling])
    if isinstance(new.get("models"), list):
        new["models"] = [_model(model) for model in new["models"]]
    return _split(new)


def _features(features: Mapping[str, Any]) -> dict[str, Any]:
    """``{year: true, month: false}`` -> the wanted ones with their defaults."""
    return {name: {} if value is True else value for name, value in features.items() if value is not False}


def _models(parameters: Any) -> Any:
    if not isinstance(parameters, Mapping):
        return parameters
    return [{"kind": kind, **(value if isinstance(value, Mapping) else {})} for kind, value in parameters.items()]


def _model(model: Any) -> Any:
    if not isinstance(model, Mapping):
        return model
    new = {_MODEL_FIELDS.get(name, name): value for name, value in model.items() if name != "MODE"}
    kind = model.get("kind", model.get("MODE"))
    return {**new, "kind": _KINDS.get(str(kind), kind)}


def _split(document: dict[str, Any]) -> dict[str, Any]:
    """Percentages at the top of the document, and ``random_dat`` for shuffling."""
    found = {new: document.pop(old) / 100 for old, new in _SPLIT_FIELDS.items() if _is_number(document.get(old))}
    if "random_dat" in document:
        found["shuffle"] = document.pop("random_dat")
    if found:
        document["split"] = {**found, **(document.get("split") or {})}
    return document


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
