"""Which class computes which kind; imported when asked for, so that a linear model never waits for TensorFlow."""

from __future__ import annotations

from importlib import import_module

from services.trainer.models.base import Forecaster

MODELS = {
    "Linear": "services.trainer.models.linear:Linear",
    "NLinear": "services.trainer.models.closed_form:NLinear",
    "DLinear": "services.trainer.models.closed_form:DLinear",
    "SVRDirect": "services.trainer.models.svr:SVRDirect",
    "SVRMIMO": "services.trainer.models.svr:SVRMIMO",
    "Dense": "services.trainer.models.dense:Dense",
    "CNN": "services.trainer.models.cnn:CNN",
    "CNN2D": "services.trainer.models.cnn:CNN2D",
    "LSTM": "services.trainer.models.lstm:LSTM",
    "ARLSTM": "services.trainer.models.autoregressive:ARLSTM",
}


def load_all() -> None:
    """Import every model, so that a job does not wait for it."""
    for kind in MODELS:
        model_class(kind)


def model_class(kind: str) -> type[Forecaster]:
    """Raises KeyError for a kind that has no file; the configuration knows the same kinds (a test compares)."""
    module_name, _, class_name = MODELS[kind].partition(":")
    found: type[Forecaster] = getattr(import_module(module_name), class_name)
    return found
