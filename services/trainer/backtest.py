"""The same model, trained anew for each fold of a back-test: how steady its error is over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.trainer.training import Trained
from shared.series.artifact import StoredDataset
from shared.series.configuration import Split
from shared.series.folds import fold_dataset

Train = Callable[[StoredDataset, int], Trained]

_AVERAGED = ("mae", "mse", "rmse", "nrmse", "mape", "wape", "smape", "r2", "mase", "skill", "crps", "coverage_90")
_OF_EACH = (*_AVERAGED, "width_90", "baseline_rmse", "split")


def back_test(dataset: StoredDataset, split: Split, train: Train) -> dict[str, Any] | None:
    """Each fold's errors in original units, and their means; None where the configuration asks for no back-test.

    ``train`` trains and evaluates on a data set, which is the fold of a number. A mean is None where one fold's value
    is: a mean over some of them would hide what is undefined; each fold has the reasons.
    """
    count = len(dataset.manifest["backtests"])
    if not count:
        return None
    folds = []
    for number in range(count):
        fold = fold_dataset(dataset, split, number)
        trained = train(fold, number)
        evaluation = trained.evaluation
        tested = fold.reference_times[fold.parts["test"]]
        folds.append(
            {
                "first_reference_time": int(tested[0]),
                "last_reference_time": int(tested[-1]),
                **{name: evaluation.headline[name] for name in _OF_EACH},
                "reasons": {
                    **evaluation.document["model"]["levels"][0]["overall"]["reasons"],
                    **evaluation.document["probabilistic"]["reasons"],
                },
                "warnings": trained.history.warnings,
            }
        )
    return {"folds": folds, "mean": {name: _mean([fold[name] for fold in folds]) for name in _AVERAGED}}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
