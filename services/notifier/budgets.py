"""Users' budgets of requests, asked of the database unless the answer is known already."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from shared.problems import Problem, ProblemError
from shared.web.fair_use import FairUse

_MOST_REMEMBERED = 10_000


class Budgets:
    """Fair use for clients that may ask a thousand times a second: who was told to wait is not counted meanwhile."""

    def __init__(self, fair_use: FairUse, clock: Callable[[], float] = time.monotonic) -> None:
        self._fair_use = fair_use
        self._clock = clock
        self._waiting: dict[UUID, tuple[float, Problem]] = {}

    async def take(self, user_id: UUID) -> None:
        """Take one request. Raises a 429 problem when the budget has none."""
        until, problem = self._waiting.get(user_id, (0.0, None))
        if problem is not None and self._clock() < until:
            raise ProblemError.of(problem, retryable=True)
        self._waiting.pop(user_id, None)
        try:
            (await self._fair_use.ask(user_id)).check()
        except ProblemError as error:
            if seconds := error.headers.get("Retry-After"):
                if len(self._waiting) >= _MOST_REMEMBERED:
                    self._waiting.clear()
                self._waiting[user_id] = (self._clock() + float(seconds), error.problem)
            raise
