"""Sends what is due: several at a time, few of each webhook, so that a slow receiver holds up nobody else's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prometheus_client import Counter

from services.notifier.webhooks.client import Client
from services.notifier.webhooks.outcome import Outcome, wait_before_next
from services.notifier.webhooks.queue import Claimed, claim, finish, hand_back
from services.notifier.webhooks.signing import signed_headers
from shared.database.pool import Database
from shared.ending import end_tasks
from shared.jobs.patience import patiently
from shared.problems import ProblemError
from shared.settings import Settings
from shared.telemetry.logs import logger
from shared.vault import Unreadable, Vault

log = logger(__name__)

AT_ONCE = 128
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_ATTEMPTS = Counter("foretide_webhook_attempts_total", "Attempts at webhooks by what came of them.", ["outcome"])


class Sender:
    """One replica's part of the sending."""

    def __init__(self, database: Database, client: Client, vault: Vault, settings: Settings) -> None:
        self._database = database
        self._client = client
        self._vault = vault
        self._delays = settings.webhook_delays_seconds
        self._give_up_seconds = settings.webhook_disable_hours * 3600
        # As long as an attempt may take, and as long again as a lost worker is waited for.
        self._lease_seconds = settings.webhook_timeout_seconds + settings.lease_seconds
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin in the background."""
        await self._client.open()
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Take no more; what does not end in time is handed back."""
        if self._task:
            await end_tasks(self._task)
        if self._running:
            await asyncio.wait(self._running, timeout=_GRACE_SECONDS)
        await end_tasks(*self._running)
        await self._client.close()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                more = await self._take()
            except ProblemError as error:
                log.warning("webhooks wait", error=str(error))
                more = False
            except Exception:
                log.exception("webhooks not looked at")
                more = False
            if not more:
                try:
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    # Also finds what another replica left behind, and what has become due.
                    continue

    async def _take(self) -> bool:
        """Begin with what is due and there is room for; whether there may be more of it."""
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return False
        async with self._database.transaction() as transaction:
            claimed = await claim(transaction, free, self._lease_seconds)
        for held in claimed:
            task = asyncio.create_task(self._attempt(held), name=f"webhook-{held.delivery_id}")
            self._running.add(task)
            task.add_done_callback(self._ended)
        return bool(claimed)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _attempt(self, held: Claimed) -> None:
        try:
            outcome = await self._outcome(held)
            await patiently("the end of a webhook's attempt", lambda: self._finish(held, outcome))
        except asyncio.CancelledError:
            async with self._database.transaction() as transaction:
                await hand_back(transaction, held)
            raise
        except Exception:
            # Its lease runs out, and it is tried again.
            log.exception("webhook's attempt not written down", delivery_id=str(held.delivery_id))

    async def _outcome(self, held: Claimed) -> Outcome:
        began = datetime.now(UTC)
        try:
            return await self._sent(held)
        except Exception as error:
            # Else it would be tried again with every lease, for ever, and nobody would see why.
            log.exception("webhook's attempt broke", delivery_id=str(held.delivery_id))
            return Outcome(began, 0.0, error=f"The attempt broke: {type(error).__name__}.")

    async def _sent(self, held: Claimed) -> Outcome:
        at = datetime.now(UTC)
        try:
            signing = [self._vault.unseal(sealed) for sealed in held.sealed]
        except Unreadable as error:
            return Outcome(at, 0.0, error=f"The secret cannot be read: {error}.")
        except ProblemError as error:
            return Outcome(at, 0.0, error=error.problem.detail)
        if not signing:
            return Outcome(at, 0.0, error="The webhook has no secret to sign with.")
        body = held.body
        return await self._client.post(held.url, body, signed_headers(held.message_id, at, body, signing))

    async def _finish(self, held: Claimed, outcome: Outcome) -> None:
        wait = None if held.is_test else wait_before_next(outcome, held.tries, self._delays)
        async with self._database.transaction() as transaction:
            disabled = await finish(transaction, held, outcome, wait, self._give_up_seconds)
        _ATTEMPTS.labels("success" if outcome.is_success else "failure").inc()
        log.info(
            "webhook sent" if outcome.is_success else "webhook failed",
            webhook_id=str(held.webhook_id),
            event_id=held.message_id,
            attempt=held.attempt,
            status_code=outcome.status_code,
            # Where an answer redirects to is its receiver's and its owner's affair: the delivery log has it.
            error=outcome.error if outcome.status_code is None else None,
            next_try_seconds=None if outcome.is_success or wait is None else round(wait, 1),
        )
        if disabled:
            log.warning("webhook disabled", webhook_id=str(held.webhook_id), reason=disabled)
