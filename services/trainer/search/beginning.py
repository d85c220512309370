"""A search begins: what it would ask for is checked, and its trials are queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.trainer.sizes import check_sizes
from shared.database.pool import Transaction
from shared.problems import Category, ProblemError
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import Search
from shared.series.search_space import largest

MAX_TRIALS_OF_A_RUN = 1000


def check_searches(
    models: Sequence[ModelParameters], inputs: Shape, outputs: Shape, windows: Mapping[str, int], targets: int
) -> None:
    """For windows (I, F_in) to (O, F_out), of which ``windows`` are in each part.

    Raises a problem for trials that are too many in all, without windows to compare them on, and for a space with
    models that are too large.
    """
    searched = [model for model in models if model.search is not None]
    trials = targets * sum(model.search.trials for model in searched if model.search)
    if trials > MAX_TRIALS_OF_A_RUN:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The searches would try too much",
            detail=f"{trials} trials on {targets} targets in all; a run takes at most {MAX_TRIALS_OF_A_RUN}.",
            recovery=["Lower search.trials.", "Search fewer of the models."],
        )
    for model in searched:
        if not windows["validation"]:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="There is nothing to compare trials on",
                detail=f"{model.kind}.search: the validation part has no windows.",
                recovery=["Make split.validation larger than 0.", "Leave out search."],
            )
        _check_largest(largest(model, inputs, outputs, windows["train"]), inputs, outputs, windows["train"])


def _check_largest(model: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> None:
    try:
        check_sizes(model, inputs, outputs, windows)
    except ProblemError as error:
        raise ProblemError(
            error.problem.category,
            title="The search would try models that are too large",
            detail=f"{model.kind}.search.space: its largest model is {model.model_dump(mode='json')}. "
            f"{error.problem.detail}",
            recovery=["Give search.space smaller values for what makes the model large.", *error.problem.recovery],
            status=error.problem.status,
        ) from error


async def insert_search(transaction: Transaction, job_id: UUID, search: Search) -> list[UUID]:
    """Queue the trials of a job that was just inserted; their ids, in their order.

    The job itself runs from now on, but nobody holds it: it is queued by the end of its last trial.
    """
    await transaction.execute(
        "update public.training_jobs set status = 'running', search = $2, detail = $3 where id = $1",
        job_id,
        {"settings": search.model_dump(mode="json")},
        {"phase": "search", "trials": search.trials, "trials_ended": 0},
    )
    rows = await transaction.fetch(
        """insert into public.training_jobs
               (run_id, session_id, user_id, model, target, parameters, search_of, trial)
           select run_id, session_id, user_id, model, target, parameters, id, number
           from public.training_jobs, generate_series(0, $2 - 1) as number where id = $1
           returning id, trial""",
        job_id,
        search.trials,
    )
    return [row["id"] for row in sorted(rows, key=lambda row: int(row["trial"]))]
