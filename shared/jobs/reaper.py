"""Finds jobs whose worker was lost, and queues or fails them: nothing stays ``running`` for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.database.pool import Database, Record, Transaction
from shared.delivery import outbox
from shared.events.payloads import Payload
from shared.jobs import lease
from shared.problems import Category, Problem, ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

FailLapsed = Callable[[Transaction, lease.Claim, Record, Problem], Awaitable[Any]]


async def reap(
    database: Database,
    table: lease.JobTable,
    *,
    service: str,
    attempts: int,
    command: Callable[[Record], Payload],
    fail: FailLapsed,
    advice: Callable[[Record], list[str]],
) -> None:
    """Queue the jobs of lost workers anew through the outbox; fail those that were lost ``attempts`` times.

    ``advice``: of a failed job's row, what would take less of a worker.
    """
    async with database.transaction() as transaction:
        for lapsed in await lease.reap(transaction, table, attempts=attempts):
            row = lapsed.row
            log.warning("job of a lost worker", job_id=str(row["id"]), lost=row["lost"], exhausted=lapsed.exhausted)
            if lapsed.exhausted:
                await fail(
                    transaction, lease.Claim(table, row["id"], row["attempt"]), row, _lost_too_often(row, advice(row))
                )
            else:
                await _command_anew(transaction, row, command, service)
        for row in await lease.forgotten(transaction, table):
            log.warning("job that waited long: its command is sent anew", job_id=str(row["id"]))
            await _command_anew(transaction, row, command, service)


async def _command_anew(
    transaction: Transaction, row: Record, command: Callable[[Record], Payload], service: str
) -> None:
    await outbox.record(transaction, command(row), source=service, session_id=row["session_id"], user_id=row["user_id"])


def _lost_too_often(row: Record, advice: list[str]) -> Problem:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The job lost its worker too often",
        detail=f"{row['lost']} workers ended while they ran this job, the last one without an answer.",
        recovery=[*advice, "Or give the workers more memory, and start it again."],
        technical_details={"lost_workers": row["lost"]},
    ).problem
