"""A trial ends; the last one of a search ends that, too, and its job goes into the queue with what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.trainer.outcomes import command_for, fail_model
from services.trainer.search.rows import SearchState, share_of_search
from services.trainer.search.trial import best_of, found_by
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.jobs import lease
from shared.problems import Category, Problem, ProblemError


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended; see :class:`Trial`."""

    status: Literal["trained", "pruned", "failed", "cancelled"]
    value: float | None = None
    curve: Sequence[float] = ()
    seconds: float | None = None
    problem: Problem | None = None


async def end_trial(transaction: Transaction, held: lease.Claim, row: Record, ended: Ended) -> bool:
    """Write it under the claim; False where that is lost. Exactly one of a search's trials is its last."""
    # The search's own row is locked first: of two trials that end at once, the second one sees the first one's end.
    state = await SearchState.read(transaction, row["search_of"], lock=True)
    if not await lease.finish(transaction, held, ended.status, error=ended.problem):
        return False
    await transaction.execute(
        """update public.training_jobs set metrics = $2, detail = detail || $3::jsonb, has_remains = false
           where id = $1""",
        held.job_id,
        None if ended.value is None else {"val_loss": ended.value},
        {"curve": list(ended.curve), "seconds": ended.seconds},
    )
    if state is None or not state.goes_on:
        return True
    if state.seconds_left is not None and state.seconds_left <= 0:
        await transaction.execute(
            """update public.training_jobs set status = 'cancelled', ended_at = now()
               where search_of = $1 and status = 'queued'""",
            row["search_of"],
        )
    after = await SearchState.read(transaction, row["search_of"])
    if after is not None and all(trial.has_ended for trial in after.trials):
        await _end_search(transaction, after)
    return True


async def _end_search(transaction: Transaction, state: SearchState) -> None:
    problems = [trial for trial in state.trials if trial.state == "failed"]
    if len(problems) == len(state.trials):
        claim = lease.Claim("training_jobs", state.row["id"], state.row["attempt"])
        await fail_model(transaction, claim, state.row, await _why(transaction, state))
        return
    best = best_of(state.trials)
    asked = (best.asked if best else None) or {}
    # When the search began is of no use any more: the training that follows has a time of its own.
    job = await transaction.fetch_row(
        """update public.training_jobs set status = 'queued', queued_at = now(), parameters = parameters || $2::jsonb,
               started_at = null, search = search || $3::jsonb, detail = $4, progress = greatest(progress, $5)
           where id = $1 returning *""",
        state.row["id"],
        asked,
        {"found": found_by(state.trials, state.seconds or 0.0)},
        state.detail,
        share_of_search(state.settings.trials),
    )
    assert job is not None
    await outbox.record(
        transaction, command_for(job), source="trainer", session_id=job["session_id"], user_id=job["user_id"]
    )


async def _why(transaction: Transaction, state: SearchState) -> Problem:
    """The given parameters' own reason: that of the first trial."""
    first = Problem.model_validate(
        await transaction.fetch_value(
            "select error from public.training_jobs where search_of = $1 and trial = 0", state.row["id"]
        )
    )
    return ProblemError(
        Category(first.category),
        title="No trial of the search gave a model",
        detail=f"All {len(state.trials)} trials failed; the one of the given parameters: {first.detail}",
        recovery=first.recovery,
    ).problem
