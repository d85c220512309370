"""A search in the database: its job's row and those of its trials, and how far they are together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from services.trainer.search.trial import Trial, best_of, warnings_of
from shared.database.pool import Database, Record, Transaction
from shared.events.payloads import MODEL_TRAINED_PERCENT
from shared.jobs.worker import ClaimLost
from shared.series.parameters.search import Search

_SEARCHED = """
select job.*, extract(epoch from clock_timestamp() - job.started_at)::float8 as seconds,
    extract(epoch from run.deadline - clock_timestamp())::float8 as seconds_of_run,
    extract(epoch from run.deadline - coalesce(job.started_at, clock_timestamp()))::float8 as seconds_at_begin,
    coalesce((select jsonb_array_length(dataset.metadata -> 'manifest' -> 'backtests')
              from public.training_datasets dataset where dataset.id = run.dataset_id), 0) as folds,
    (select count(*) from public.training_jobs other
     where other.run_id = run.id and other.search_of is null and other.status in ('queued', 'running')) as jobs
from public.training_jobs job join public.training_runs run on run.id = job.run_id where job.id = $1
"""
_OF_LONGEST_TRIAL = 1.5
_WHILE_NONE_HAS_ENDED = 0.5


@dataclass(frozen=True, slots=True)
class SearchState:
    """A searched job, its trials in their order, and how far each is (0 to 1).

    ``seconds``: since its first trial began; none before.
    """

    row: Record
    settings: Search
    trials: Sequence[Trial]
    shares: Sequence[float]
    seconds: float | None

    @classmethod
    async def read(cls, transaction: Transaction, job_id: UUID, *, lock: bool = False) -> Self | None:
        """None where there is no such job any more. ``lock``: until the transaction ends nobody else changes it."""
        row = await transaction.fetch_row(_SEARCHED + (" for update of job" if lock else ""), job_id)
        if row is None:
            return None
        rows = await transaction.fetch("select * from public.training_jobs where search_of = $1 order by trial", job_id)
        trials = [_trial(one) for one in rows]
        shares = [1.0 if t.has_ended else one["progress"] / 100 for t, one in zip(trials, rows, strict=True)]
        return cls(row, Search.model_validate(row["search"]["settings"]), trials, shares, row["seconds"])

    @property
    def goes_on(self) -> bool:
        """False where the search is over, or its job was cancelled."""
        return bool(self.row["status"] == "running") and self.row["attempt"] == 0

    @property
    def seconds_left(self) -> float | None:
        """Of its time limit, and of its run's less what training takes then; None without any."""
        limit, of_run = self.settings.time_limit_seconds, self.row["seconds_of_run"]
        own = None if limit is None else limit - (self.seconds or 0.0)
        run = None if of_run is None else of_run - self._kept_for_training
        return min((seconds for seconds in (own, run) if seconds is not None), default=None)

    @property
    def _kept_for_training(self) -> float:
        """Seconds at the end of the run, for what may be one worker: it trains all models and folds, one by one.

        Half of what the run had when the search began, as long as no trial has shown how long a fit takes.
        """
        taken = [trial.seconds for trial in self.trials if trial.has_ended and trial.seconds is not None]
        if not taken:
            return _WHILE_NONE_HAS_ENDED * float(self.row["seconds_at_begin"])
        models = (1 + int(self.row["folds"])) * max(1, int(self.row["jobs"]))
        return _OF_LONGEST_TRIAL * max(taken) * models

    @property
    def progress(self) -> float:
        """Percent; training the best one counts as one trial more."""
        return share_of_search(self.settings.trials) * sum(self.shares) / self.settings.trials

    @property
    def eta_seconds(self) -> float | None:
        """Until the job ends, at the pace so far; None before there is one."""
        done = sum(self.shares)
        if not done or self.seconds is None:
            return None
        pace = self.seconds / done
        search = pace * (self.settings.trials - done)
        return pace + (search if self.seconds_left is None else min(search, max(0.0, self.seconds_left)))

    @property
    def detail(self) -> dict[str, Any]:
        """What the job's status says."""
        best = best_of(self.trials)
        return {
            "phase": "search",
            "trials": self.settings.trials,
            "trials_ended": sum(trial.has_ended for trial in self.trials),
            "val_loss": best.loss if best else None,
            "eta_seconds": self.eta_seconds,
        }


def is_trial(row: Record) -> bool:
    """True for a job that is a trial of another one."""
    return row["search_of"] is not None


async def search_behind(database: Database, row: Record) -> dict[str, Any] | None:
    """What the child is told of the search that has found a job's parameters; None where there was none."""
    if row["search"] is None:
        return None
    async with database.transaction() as transaction:
        state = await SearchState.read(transaction, row["id"])
    if state is None:
        raise ClaimLost
    found = row["search"]["found"]
    return {"found": found, "warnings": warnings_of(found), "trials": [trial.document() for trial in state.trials]}


def after_search(row: Record, percent: float) -> float:
    """Percent of a whole job, where without a search before it ``percent`` of it would be done."""
    if row["search"] is None:
        return percent
    before = share_of_search(row["search"]["settings"]["trials"])
    return before + (MODEL_TRAINED_PERCENT - before) * percent / MODEL_TRAINED_PERCENT


def share_of_search(trials: int) -> float:
    """Percent of a searched job's work that is done when its search is over."""
    return MODEL_TRAINED_PERCENT * trials / (trials + 1)


def _trial(row: Record) -> Trial:
    detail, problem = row["detail"], row["error"]
    return Trial(
        number=row["trial"],
        state=row["status"],
        asked=row["asked"],
        curve=detail.get("curve", ()),
        value=(row["metrics"] or {}).get("val_loss"),
        seconds=detail.get("seconds"),
        problem=problem["detail"] if problem else None,
    )
