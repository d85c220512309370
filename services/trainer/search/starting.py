"""A trial begins: the study is asked what it tries, once, and whoever does it again tries the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.trainer.search.rows import SearchState
from services.trainer.search.trial import Trial
from shared.database.pool import Database
from shared.jobs.worker import ClaimLost, Job
from shared.series.parameters.search import Search


@dataclass(frozen=True, slots=True)
class Begun:
    """A trial's model, and what is known of the others. ``seconds_left``: of the search's time limit, if it has one."""

    model: dict[str, Any]
    settings: Search
    others: Sequence[Trial]
    seconds_left: float | None


async def begin_trial(database: Database, job: Job) -> Begun | None:
    """None where the search's time is over. Raises :class:`ClaimLost`.

    The search is locked meanwhile, so that each trial is asked for with all that were asked for before it.
    """
    row = job.row
    async with database.transaction() as transaction:
        state = await SearchState.read(transaction, row["search_of"], lock=True)
        if state is None or not state.goes_on:
            raise ClaimLost
        if state.seconds_left is not None and state.seconds_left <= 0:
            return None
        await transaction.execute(
            "update public.training_jobs set started_at = coalesce(started_at, clock_timestamp()) where id = $1",
            row["search_of"],
        )
        asked = row["asked"] if row["asked"] is not None else await asyncio.to_thread(_ask, state, row["trial"])
        model = {**row["parameters"], **asked}
        written = await transaction.execute(
            """update public.training_jobs set asked = $3, parameters = $4
               where id = $1 and attempt = $2 and status = 'running'""",
            job.claim.job_id,
            job.claim.attempt,
            asked,
            model,
        )
        if not written:
            raise ClaimLost
    others = [trial for trial in state.trials if trial.number != row["trial"]]
    return Begun(model, state.settings, others, state.seconds_left)


def _ask(state: SearchState, number: int) -> dict[str, Any]:
    space, given = state.settings.space, state.row["parameters"]
    if number == 0:
        return {name: given[name] for name in space}
    # Optuna takes half a second to import: only where something is searched.
    from services.trainer.search.study import ask

    return ask(space, state.trials, number=number, seed=given["seed"])
