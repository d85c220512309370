"""A trial is watched while it runs: is it hopeless, is the search's time over, and how far is the search?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from services.trainer.search.rows import SearchState
from services.trainer.search.starting import Begun
from shared.database.pool import Database, Record
from shared.events.payloads import Progress
from shared.jobs.worker import Job
from shared.problems import ProblemError
from shared.runtime.progress import ProgressSender
from shared.series.model_parameters import parse_model
from shared.telemetry.logs import logger

if TYPE_CHECKING:
    from services.trainer.search.study import Medians

log = logger(__name__)

_LOOK_SECONDS = 1.0
Verdict = asyncio.Future[None]
"""Done as soon as the trial is to be stopped."""


class Observation:
    """``curve``: the validation loss after each epoch, of a kind that learns in epochs."""

    def __init__(self, database: Database, progress: ProgressSender, job: Job, begun: Begun) -> None:
        loop = asyncio.get_running_loop()
        self._database = database
        self._progress = progress
        self._job = job
        self._until = None if begun.seconds_left is None else loop.time() + begun.seconds_left
        self._alarm: asyncio.TimerHandle | None = None
        self._learns_in_epochs = parse_model(begun.model).learns_in_epochs
        self._prunes = begun.settings.pruning and self._learns_in_epochs
        self._known = -1
        self._medians: Medians | None = None
        self._learn(list(begun.others))
        self.curve: list[float] = []
        self.verdict: Verdict = loop.create_future()

    def hear(self, message: dict[str, Any]) -> None:
        """What the child says; the verdict falls with the epoch that it is on, however late that is heard."""
        if message["type"] != "progress" or message["phase"] != "training" or self.verdict.done():
            return
        told = {key: message[key] for key in ("epoch", "epochs", "loss", "val_loss")}
        self._job.report(100.0 * float(message["fraction"]), phase="trial", **told)
        if self._learns_in_epochs and message["val_loss"] is not None:
            # A child that follows a killed one begins anew.
            self.curve[message["epoch"] - 1 :] = [message["val_loss"]]
            if self._medians is not None and self._medians.hopeless(self.curve):
                self._stop()

    async def watch(self) -> None:
        """Tell of the search, and look at the clock and at what other workers have found, until cancelled."""
        self._set_alarm()
        try:
            while True:
                try:
                    await self._look()
                except ProblemError as error:
                    log.warning("search not looked at", job_id=str(self._job.claim.job_id), error=str(error))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._until is not None:
            self._alarm = asyncio.get_running_loop().call_at(self._until, self._stop)

    def _stop(self) -> None:
        if not self.verdict.done():
            self.verdict.set_result(None)

    async def _look(self) -> None:
        job_id = self._job.row["search_of"]
        async with self._database.transaction() as transaction:
            state = await SearchState.read(transaction, job_id)
            if state is None or not state.goes_on:
                return
            if state.seconds_left is not None:
                # How much of the run's time is kept for training depends on the trials that have ended since.
                self._until = asyncio.get_running_loop().time() + state.seconds_left
                self._set_alarm()
            told = await transaction.fetch_row(
                """update public.training_jobs set progress = greatest(progress, $2), detail = $3
                   where id = $1 and status = 'running' and attempt = 0 returning *""",
                job_id,
                state.progress,
                state.detail,
            )
        self._learn([trial for trial in state.trials if trial.number != self._job.row["trial"]])
        if told is not None:
            self._tell(told)

    def _learn(self, others: list[Any]) -> None:
        known = sum(trial.state == "trained" for trial in others)
        if not self._prunes or known == self._known:
            return
        from services.trainer.search.study import Medians

        self._known, self._medians = known, Medians(others)

    def _tell(self, row: Record) -> None:
        detail = row["detail"]
        message = Progress(
            session_id=row["session_id"],
            phase="training",
            progress=row["progress"],
            job_id=row["id"],
            model=row["model"],
            target=row["target"],
            val_loss=detail["val_loss"],
            eta_seconds=detail["eta_seconds"],
            message=f"{detail['trials_ended']} of {detail['trials']} trials",
        )
        self._progress.send(row["user_id"], message)
