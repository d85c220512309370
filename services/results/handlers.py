"""What the results service does when a message says so, but for filing, which has a module of its own."""

from __future__ import annotations

from services.results.closing import close_if_ended
from shared.database.pool import Transaction
from shared.events.envelope import Envelope
from shared.events.payloads import ModelFailed


async def on_model_failed(transaction: Transaction, _: Envelope, event: ModelFailed) -> None:
    """A job ended without a model: it may have been the run's last."""
    await close_if_ended(transaction, event.run_id)
