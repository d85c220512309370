"""Which class computes which kind; imported when asked for, so that a linear model never waits for TensorFlow."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from services.trainer.models.base import Forecaster
from shared.problems import Category, ProblemError

MODELS = {
    "Linear": "services.trainer.models.linear:Linear",
    "NLinear": "services.trainer.models.closed_form:NLinear",
    "DLinear": "services.trainer.models.closed_form:DLinear",
    "SVRDirect": "services.trainer.models.svr:SVRDirect",
    "SVRMIMO": "services.trainer.models.svr:SVRMIMO",
    "LinearStepwise": "services.trainer.models.stepwise:LinearStepwise",
    "SVRStepwise": "services.trainer.models.stepwise:SVRStepwise",
    "LightGBM": "services.trainer.models.boosting:LightGBM",
    "Dense": "services.trainer.models.dense:Dense",
    "CNN": "services.trainer.models.cnn:CNN",
    "CNN2D": "services.trainer.models.cnn:CNN2D",
    "LSTM": "services.trainer.models.lstm:LSTM",
    "ARLSTM": "services.trainer.models.autoregressive:ARLSTM",
    "Ensemble": "services.trainer.models.ensemble:Ensemble",
}


def load_all() -> None:
    """Import every model that can be, so that a job does not wait for it."""
    for kind in MODELS:
        # Whoever asks for a model that cannot be imported is told then; the others work.
        with suppress(ProblemError):
            model_class(kind)


def model_class(kind: str) -> type[Forecaster]:
    """Raises KeyError for a kind that has no file; the configuration knows the same kinds (a test compares).

    Raises INTERNAL where a library that the kind computes with cannot be loaded on this machine.
    """
    module_name, _, class_name = MODELS[kind].partition(":")
    try:
        module = import_module(module_name)
    except (ImportError, OSError) as error:
        raise ProblemError(
            Category.INTERNAL,
            title="A library that the model needs cannot be loaded",
            detail=f"{kind} cannot be computed on this machine: {error}.",
            recovery=["Run `foretide doctor` on the worker's machine.", "Choose another model."],
        ) from error
    found: type[Forecaster] = getattr(module, class_name)
    return found
