"""What watchers are told of a model that is filed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from shared.events.payloads import MODEL_TRAINED_PERCENT, ModelTrained, Progress
from shared.runtime.interrupted import Interrupted
from shared.runtime.progress import ProgressSender
from shared.runtime.telling import Telling
from shared.shares import TellShare, part_of


class FilingTold:
    """The last percents of each model's job, which the trainer has told of before."""

    def __init__(self, sender: ProgressSender) -> None:
        self._sender = sender
        self._interrupted = Interrupted()

    @asynccontextmanager
    async def of(self, event: ModelTrained, user_id: UUID) -> AsyncIterator[TellShare]:
        """Inside, gets the share of the filing that is done."""
        make = partial(
            Progress, session_id=event.session_id, job_id=event.job_id, model=event.model, target=event.target
        )

        def begin(percent: float) -> Telling:
            return Telling(self._sender, user_id, make, percent=percent)

        async with self._interrupted.going_on(event.job_id, begin, otherwise=MODEL_TRAINED_PERCENT) as telling:
            yield part_of(lambda reached: telling.tell("storing", reached), MODEL_TRAINED_PERCENT, 100.0)
