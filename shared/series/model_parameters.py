"""The models that can be asked for, and their parameters with limits and defaults.

The API, the command line and the trainer share these. A new kind is one class in ``parameters``, named in ``KINDS``,
and one file with its computation in the trainer's models.
"""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from shared.problems import Category, ProblemError
from shared.series.parameters.base import ModelParameters
from shared.series.parameters.ensemble import EnsembleParameters
from shared.series.parameters.kernel import SVRDirectParameters, SVRMIMOParameters
from shared.series.parameters.linear import DLinearParameters, LinearParameters, NLinearParameters
from shared.series.parameters.neural import (
    ARLSTMParameters,
    CNN2DParameters,
    CNNParameters,
    DenseParameters,
    LSTMParameters,
)
from shared.series.parameters.search import Search
from shared.series.parameters.stepwise import LinearStepwiseParameters, SVRStepwiseParameters
from shared.series.parameters.trees import LightGBMParameters
from shared.series.search_space import with_whole_space

_ALL: tuple[type[ModelParameters], ...] = (
    LinearParameters,
    NLinearParameters,
    DLinearParameters,
    SVRDirectParameters,
    SVRMIMOParameters,
    LinearStepwiseParameters,
    SVRStepwiseParameters,
    LightGBMParameters,
    DenseParameters,
    CNNParameters,
    CNN2DParameters,
    LSTMParameters,
    ARLSTMParameters,
    EnsembleParameters,
)
KINDS = {str(parameters.model_fields["kind"].default): parameters for parameters in _ALL}
_OLDER_NAMES = {
    "AR LSTM": "ARLSTM",
    "AR_LSTM": "ARLSTM",
    "SVR_dir": "SVRDirect",
    "SVR_MIMO": "SVRMIMO",
    "LGBMR": "LightGBM",
}
"""Names that earlier clients send."""


def parse_model(document: dict[str, Any]) -> ModelParameters:
    """One model's parameters. Raises a problem that names the kind, parameter and value that is wrong."""
    asked = str(document.get("kind"))[:100]
    kind = _OLDER_NAMES.get(asked, asked)
    parameters = KINDS.get(kind)
    if parameters is None:
        near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.4)
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such model",
            detail=f"models.kind: {asked!r} is none of {', '.join(sorted(KINDS))}.",
            recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of the kinds that exist."],
        )
    try:
        return with_whole_space(parameters.model_validate({**document, "kind": kind}))
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A model's parameter is not right",
            detail=f"{kind}.{name}: {_said(fault)} (got {fault.get('input')!r:.200}).",
            recovery=[_what_is_taken(kind, name)],
        ) from error


def _said(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "There is no such parameter"
    message: str = fault["msg"]
    return message.removeprefix("Value error, ")


def _what_is_taken(kind: str, name: str) -> str:
    if name.startswith("search."):
        return f"{kind}.search takes: {', '.join(Search.model_fields)}; space takes low, high and log, or choices."
    return f"{kind} takes: {', '.join(sorted(KINDS[kind].model_fields))}."


def parse_models(documents: list[dict[str, Any]]) -> list[ModelParameters]:
    """All models of a run. Raises a problem when there is none, or for the first that is wrong."""
    if not documents:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="No model was chosen",
            detail="models: the list is empty.",
            recovery=[f"Name at least one of {', '.join(sorted(KINDS))}."],
        )
    return [parse_model(document) for document in documents]
