"""Runs jobs in training children: one process per job, and another one where the first is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from services.trainer.children import Outcome, Specification, died_of, follow
from services.trainer.limits import time_is_over
from shared.runtime.child_process import ChildProcess, Died
from shared.runtime.nursery import Nursery
from shared.telemetry.logs import logger

log = logger(__name__)

_FRUITLESS_CHILDREN = 3
"""So many children of a job killed in a row, with no epoch ended in between: it is the job that they die of."""
_LEAST_GRACE_SECONDS = 60.0
_GRACE_SHARE = 0.25
CHILD = ("-m", "services.trainer.child")
PRELOADED = (*CHILD, "--preload")
Hear = Callable[[dict[str, Any]], None]


class ChildRunner:
    """Runs jobs in children; a job that dies of memory or a signal is a problem, and the worker lives.

    ``child``: the interpreter's arguments that start the program whose copies speak the protocol. ``least_grace``:
    seconds after its time that a child has at least to end its own fit; a quarter of its time where that is more.
    """

    def __init__(self, child: Sequence[str], *, least_grace: float = _LEAST_GRACE_SECONDS) -> None:
        self._nursery = Nursery(child)
        self._least_grace = least_grace

    async def run(self, specification: Specification, on_message: Hear) -> Outcome:
        """Run one job to its end; ``on_message`` hears what the child says on the way. Cancelling kills the child.

        A child that is killed is followed by another one, which continues from its checkpoint in the time that is left.
        One that has not trained its own model after its time and the grace is ended: then the time is over, and that is
        the end; where one before it had, the problem is what that died of.
        """
        loop = asyncio.get_running_loop()
        limit = specification.seconds_left
        until = None if limit is None else loop.time() + limit
        epochs: list[int] = []
        fitted = False
        died: Outcome | None = None

        def hear(message: dict[str, Any]) -> None:
            nonlocal fitted
            match message["type"]:
                case "checkpoint":
                    epochs.append(message["epoch"])
                case "fitted":
                    fitted = True
            on_message(message)

        fruitless = 0
        while True:
            before, fitted = len(epochs), False
            if until is not None:
                specification = replace(specification, seconds_left=max(0.0, until - loop.time()))
            outcome = await self._run_child(specification, hear)
            if outcome.late and died is not None:
                return died
            if fitted and outcome.killed:
                died = outcome
            fruitless = 1 if len(epochs) > before else fruitless + 1
            if not outcome.killed or fruitless == _FRUITLESS_CHILDREN:
                return outcome
            log.warning("training child killed, another goes on", job_id=specification.job_id, epochs=epochs[-1:])

    async def _run_child(self, specification: Specification, on_message: Hear) -> Outcome:
        try:
            child = await self._nursery.child()
        except Died as died:
            return died_of(died.code, specification)
        try:
            child.give(asdict(specification))
            return await self._follow(child, specification, on_message)
        finally:
            await child.end()

    async def _follow(self, child: ChildProcess, specification: Specification, on_message: Hear) -> Outcome:
        """The folds of a back-test, evaluation and saving, which follow the model's own fit, are not ended."""
        limit = specification.seconds_left
        if limit is None:
            return await follow(child, specification, on_message)

        def hear(message: dict[str, Any]) -> None:
            if message["type"] == "fitted":
                timeout.reschedule(None)
            on_message(message)

        grace = max(self._least_grace, _GRACE_SHARE * limit)
        try:
            async with asyncio.timeout(limit + grace) as timeout:
                return await follow(child, specification, hear)
        except TimeoutError:
            if not timeout.expired():
                raise
            kind = specification.model["kind"]
            log.warning("training child ended: its time was over", job_id=specification.job_id, model=kind)
            return Outcome(problem=time_is_over(_too_long(kind, limit, grace)).problem, late=True)

    async def start(self) -> None:
        """Begin to import what children need."""
        await self._nursery.start()

    async def stop(self) -> None:
        """No child follows any more."""
        await self._nursery.stop()


def _too_long(kind: str, limit: float, grace: float) -> str:
    return (
        f"{kind} had {limit:.0f} s left of its time_limit_seconds, or of its run's, and was still training "
        f"{grace:.0f} s later: it cannot end early by itself."
    )
