"""Runs side by side: each is kept as it was, so run 3 can be compared with run 7."""

from __future__ import annotations

from typing import Any

from services.results.closing import ranking_of
from services.results.documents import ComparedRun, RunComparison
from shared.database.pool import Transaction
from shared.problems import not_found

MOST_RUNS = 20
_SHOWN = ("status", "dataset_id", "created_at", "ended_at")


async def compare_runs(transaction: Transaction, session_id: str, numbers: list[int] | None) -> RunComparison:
    """The runs of these numbers, in that order; the newest ones unless given. Raises a 404 problem for one not there.

    Where their data sets are one and the same, the best run is the one whose best model has the lowest mean RMSE,
    relative to the others, over the targets.
    """
    rows = await transaction.fetch(
        """select run.*, dataset.fingerprint from public.training_runs run
           left join public.training_datasets dataset on dataset.id = run.dataset_id
           where run.session_id = $1 and ($2::integer[] is null or run.number = any($2))
           order by run.number desc limit $3""",
        session_id,
        numbers,
        MOST_RUNS,
    )
    found = {row["number"]: row for row in rows}
    for number in numbers or []:
        if number not in found:
            raise not_found("Run", str(number))
    runs = []
    for row in (found[number] for number in (dict.fromkeys(numbers) if numbers else found)):
        shown = {"run_id": row["id"], "run": row["number"], **{name: row[name] for name in _SHOWN}}
        runs.append(ComparedRun(**shown, models=await ranking_of(transaction, row["id"])))
    contents = {found[run.run]["fingerprint"] or run.dataset_id for run in runs}
    comparable = len(contents) == 1
    return RunComparison(
        session_id=session_id, runs=runs, comparable=comparable, best_run=_best(runs) if comparable else None
    )


def _best(runs: list[ComparedRun]) -> int | None:
    """By the mean, over the targets, of each run's RMSE as a share of the lowest one."""
    errors = {run.run: _errors(run.models[0]) for run in runs if run.models}
    lowest: dict[str, float] = {}
    for of_run in errors.values():
        for target, error in of_run.items():
            lowest[target] = min(error, lowest.get(target, error))

    def share(number: int) -> float:
        of_run = errors[number]
        if of_run.keys() != lowest.keys():
            return float("inf")
        return sum(error / lowest[target] if lowest[target] else 1.0 for target, error in of_run.items())

    return min(errors, key=share, default=None)


def _errors(best: dict[str, Any]) -> dict[str, float]:
    return {target: entry["rmse"] for target, entry in best["targets"].items() if entry.get("rmse") is not None}
