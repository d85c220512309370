"""Which models compete by default: those that take seconds, quick ones first."""

from __future__ import annotations

from typing import Any

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.wishes import Wishes
from shared.series.model_parameters import KINDS

_QUICK: tuple[dict[str, Any], ...] = ({"kind": "Linear", "ridge": 1.0},)
_WITH_VALIDATION: tuple[dict[str, Any], ...] = ({"kind": "Dense", "layers": 2, "units": 64, "epochs": 15},)
"""Those that stop when the validation part says so."""


def choose_models(validates: bool, wishes: Wishes) -> Chosen[list[dict[str, Any]]]:
    """Models of the registry with modest sizes; their parameters are checked with the whole configuration."""
    if wishes.models is not None:
        return Chosen(wishes.models, ASKED)
    chosen = [*_QUICK, *(_WITH_VALIDATION if validates else ())]
    names = " and ".join(str(model["kind"]) for model in chosen)
    left_out = "" if validates else "; those that need a validation part are left out"
    others = sorted(set(KINDS) - {model["kind"] for model in chosen})
    more = f" (there are also: {', '.join(others)})" if others else ""
    return Chosen(chosen, f"{names}: quick to train, and compared with the baselines{more}{left_out}.")
