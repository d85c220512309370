"""The same model, trained anew for each fold of a back-test: how steady its error is over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.trainer.intervals import WIDEST
from services.trainer.training import Trained, Training
from shared.series.artifact import StoredDataset
from shared.series.configuration import Split
from shared.series.folds import fold_dataset
from shared.series.metrics import METRICS

_AVERAGED = (*METRICS, "skill", "crps", f"coverage_{WIDEST}")
_OF_EACH = (*_AVERAGED, f"width_{WIDEST}", "baseline_rmse", "split")
_NO_TIME = "the time limit left none for this fold"


@dataclass(frozen=True, slots=True)
class BackTest:
    """Each fold's errors in original units, and their means; None where none was asked for."""

    document: dict[str, Any] | None
    warnings: list[str]


def back_test(dataset: StoredDataset, split: Split, training: Training) -> BackTest:
    """Train and evaluate on each fold of the data set, after the model of the data set itself.

    A mean is None where one fold's value is: a mean over some of them would hide what is undefined; each fold has the
    reasons. Where no time is left for a fold, that is the reason.
    """
    bounds = dataset.manifest["backtests"]
    if not bounds:
        return BackTest(None, [])
    folds, left_out = [], []
    for number, fold in enumerate(bounds):
        times = dataset.reference_times[fold["test_start"] : fold["test_stop"]]
        tested = {"first_reference_time": int(times[0]), "last_reference_time": int(times[-1])}
        if training.leaves_out(number + 1):
            left_out.append(str(number + 1))
            folds.append({**tested, **_left_out()})
        else:
            folds.append({**tested, **_of_one(training.run(fold_dataset(dataset, split, number), number + 1))})
    means = {name: _mean([fold[name] for fold in folds]) for name in _AVERAGED}
    named = f"fold {', '.join(left_out)} of {len(bounds)}"
    warnings = [f"The time limit left none for the back-test's {named}."] if left_out else []
    return BackTest({"folds": folds, "mean": means}, warnings)


def _of_one(trained: Trained) -> dict[str, Any]:
    evaluation = trained.evaluation
    return {
        **{name: evaluation.headline[name] for name in _OF_EACH},
        "reasons": {
            **evaluation.document["model"]["levels"][0]["overall"]["reasons"],
            **evaluation.document["probabilistic"]["reasons"],
        },
        "warnings": trained.history.warnings,
    }


def _left_out() -> dict[str, Any]:
    return {**dict.fromkeys(_OF_EACH), "reasons": dict.fromkeys(_OF_EACH, _NO_TIME), "warnings": []}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
