"""Waiting for what is only away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.problems import ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

Result = TypeVar("Result")
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0


async def patiently(what: str, operation: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat ``operation`` while it raises a retryable problem (a store or database that is away).

    Ends by its result, by any other error, or by cancellation: hours of training must not be lost to an outage.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            return await operation()
        except ProblemError as error:
            if not error.retryable:
                raise
            log.warning("waiting", what=what, error=str(error), next_try_seconds=wait)
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
