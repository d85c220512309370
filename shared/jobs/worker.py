"""The worker: takes commands that name a job, claims it, runs it under a lease, and hands it back when stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from shared.bus.port import Bus, BusUnavailable, Consumer
from shared.bus.topology import Subscription
from shared.database.pool import Database, Record
from shared.delivery import outbox
from shared.delivery.inbox import patient, read
from shared.ending import end_tasks
from shared.events.envelope import Envelope
from shared.events.payloads import Payload
from shared.jobs import lease
from shared.jobs.patience import patiently
from shared.problems import Problem, ProblemError, problem_of
from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace, current_trace_id

log = logger(__name__)

_HEARTBEAT_SECONDS = 1.0


class ClaimLost(Exception):
    """The job was cancelled, deleted or taken over: its worker stops and writes nothing more."""


@dataclass(slots=True)
class Job:
    """A claimed job while it runs. ``row`` is its table row at the time of the claim."""

    claim: lease.Claim
    row: Record
    progress: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)

    def report(self, progress: float, **detail: Any) -> None:
        """Note how far it is (percent, never backwards); the heartbeat writes it."""
        self.progress = max(self.progress, progress)
        self.detail.update(detail)


@dataclass(frozen=True, slots=True)
class JobKind:
    """What a worker needs to know of its kind of job.

    ``execute`` runs a job to its end and commits the outcome under the claim; ``fail`` commits a failure and its
    event; ``command`` is the message that puts the job's row back into the queue; ``clean_up`` removes what an
    attempt has left in the store beside its outcome.
    """

    table: lease.JobTable
    subscription: Subscription
    payload: type[Payload]
    job_id: Callable[[Any], UUID]
    execute: Callable[[Job], Awaitable[None]]
    fail: Callable[[Job, Problem], Awaitable[None]]
    command: Callable[[Record], Payload]
    clean_up: Callable[[Job], Awaitable[None]]


class Worker:
    """Runs up to ``slots`` jobs at a time; takes no further command while they are full."""

    def __init__(
        self, database: Database, bus: Bus, kind: JobKind, *, service: str, slots: int, lease_seconds: float
    ) -> None:
        self._database = database
        self._kind = kind
        self._service = service
        self._slots = slots
        self._lease_seconds = lease_seconds
        self._name = f"{service}-{uuid4().hex[:12]}"
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._stopping = False
        self.jobs_done = asyncio.Semaphore(0)
        """Released once for each job that ended here, however it ended."""
        self._consumer: Consumer = bus.subscribe(kind.subscription, patient(self._take), prefetch=1)

    @property
    def busy(self) -> bool:
        """True while a job runs here."""
        return bool(self._running)

    async def stop(self) -> None:
        """Take no more; hand every running job back so that another worker goes on with it."""
        self._stopping = True
        await self._consumer.pause()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _take(self, envelope: Envelope) -> None:
        """Claim in a transaction; the delivery is acknowledged when this returns, long before the job ends."""
        job_id = self._kind.job_id(read(envelope, self._kind.payload))
        if self._stopping:
            raise BusUnavailable("this worker is stopping")
        async with self._database.transaction() as transaction:
            held = await lease.claim(
                transaction, self._kind.table, job_id, worker=self._name, lease_seconds=self._lease_seconds
            )
            if held is None:
                log.info("command without a waiting job dropped", job_id=str(job_id))
                return
            row = await transaction.fetch_row(
                f"select * from public.{self._kind.table} where id = $1",
                job_id,
            )
        assert row is not None
        # What watchers were told of an attempt before this one is not taken back.
        job = Job(held, row, progress=row["progress"])
        self._running[job_id] = asyncio.create_task(self._run(job, envelope.traceparent))
        if len(self._running) >= self._slots:
            await self._consumer.pause()

    async def _run(self, job: Job, traceparent: str | None) -> None:
        log.info("job begins", job_id=str(job.claim.job_id), attempt=job.claim.attempt)
        with continue_trace(traceparent):
            try:
                await self._run_under_lease(job)
                await self._clean_up(job)
            except asyncio.CancelledError:
                await asyncio.shield(self._hand_back(job))
            except ClaimLost:
                log.info("job given up", job_id=str(job.claim.job_id), attempt=job.claim.attempt)
                await self._clean_up(job)
            except Exception as error:
                if not isinstance(error, ProblemError):
                    log.exception("job broke", job_id=str(job.claim.job_id))
                await self._fail(job, problem_of(error, current_trace_id()))
            finally:
                self._running.pop(job.claim.job_id, None)
                self.jobs_done.release()
                if not self._stopping:
                    await self._consumer.resume()

    async def _run_under_lease(self, job: Job) -> None:
        work = asyncio.ensure_future(self._kind.execute(job))
        heartbeat = asyncio.create_task(self._keep_lease(job))
        try:
            await asyncio.wait({work, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClaimLost
            await work
        finally:
            # The work once only: it may take a while to let go.
            work.cancel()
            await end_tasks(heartbeat)
            await asyncio.gather(work, return_exceptions=True)

    async def _keep_lease(self, job: Job) -> None:
        """Returns when the claim is lost. A database that is away is waited for: the fence decides afterwards."""
        while True:
            await asyncio.sleep(min(_HEARTBEAT_SECONDS, self._lease_seconds / 3))
            try:
                async with self._database.transaction() as transaction:
                    held = await lease.renew(
                        transaction,
                        job.claim,
                        lease_seconds=self._lease_seconds,
                        progress=job.progress,
                        detail=job.detail,
                    )
            except Exception as error:
                # Whatever it was: the lease and the fence decide, not a missed heartbeat.
                log.warning("heartbeat missed", job_id=str(job.claim.job_id), error=str(error))
                continue
            if not held:
                return

    async def _fail(self, job: Job, problem: Problem) -> None:
        log.warning("job failed", job_id=str(job.claim.job_id), problem=problem.title, detail=problem.detail)
        await patiently("to record a failure", lambda: self._kind.fail(job, problem))
        await self._clean_up(job)

    async def _hand_back(self, job: Job) -> None:
        async with self._database.transaction() as transaction:
            if await lease.hand_back(transaction, job.claim):
                await outbox.record(
                    transaction,
                    self._kind.command(job.row),
                    source=self._service,
                    session_id=job.row["session_id"],
                    user_id=job.row["user_id"],
                )
        log.info("job handed back", job_id=str(job.claim.job_id))
        await self._clean_up(job)

    async def _clean_up(self, job: Job) -> None:
        try:
            await self._kind.clean_up(job)
            async with self._database.transaction() as transaction:
                await lease.let_go(transaction, job.claim)
        except ProblemError as error:
            # The next attempt, or the deletion of the session, removes it too.
            log.warning("remains not removed", job_id=str(job.claim.job_id), error=str(error))
