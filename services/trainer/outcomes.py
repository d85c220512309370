"""How a model's job goes back into the queue, and how it ends without a model."""

from __future__ import annotations

from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import ModelFailed, ModelTrain
from shared.jobs import lease
from shared.problems import Problem


def command_for(row: Record) -> ModelTrain:
    """The command that puts this job back into the queue."""
    return ModelTrain(session_id=row["session_id"], run_id=row["run_id"], job_id=row["id"])


async def fail_model(transaction: Transaction, held: lease.Claim, row: Record, problem: Problem) -> None:
    """Write the failure under the claim, with its event; the results service closes the run."""
    if not await lease.finish(transaction, held, "failed", error=problem):
        return
    failed = ModelFailed(
        session_id=row["session_id"],
        run_id=row["run_id"],
        job_id=row["id"],
        model=row["model"],
        target=row["target"],
        problem=problem,
    )
    await outbox.record(transaction, failed, source="trainer", session_id=row["session_id"], user_id=row["user_id"])
