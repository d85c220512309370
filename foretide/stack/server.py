"""What the private servers have in common: started and answering within a deadline, or a clear problem."""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from foretide.stack.child import Command, LeashedChild
from shared.problems import Category, ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

_POLL_SECONDS = 0.05
_PAUSE_SECONDS = 1.0


class Server(ABC):
    """One private server of a data directory: ports, secrets and data outlast stops, kills and restarts."""

    name: ClassVar[str]
    category: ClassVar[Category]
    start_seconds: ClassVar[float] = 90.0
    """From the command to the first answer; recovery after a crash included."""
    passing_failures: ClassVar[Sequence[str]] = ()
    """What its log says when it cannot start yet because its predecessor is only just leaving."""
    _hindrance: str | None = None

    async def start(self) -> None:
        """Start what does not run of it and wait until it answers; nothing happens when it runs.

        Raises :class:`ProblemError` with the end of its log when it does not come up.
        """
        began = time.monotonic()
        self._hindrance = None
        await asyncio.to_thread(self._prepare)
        try:
            async with asyncio.timeout(self.start_seconds):
                while not await self._comes_up():
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError as error:
            await self.stop()
            hindrance = f", hindered by: {self._hindrance}" if self._hindrance else ""
            raise self._problem(f"did not answer within {self.start_seconds:g} s{hindrance}") from error
        log.info("server runs", server=self.name, seconds=round(time.monotonic() - began, 1))

    async def stop(self) -> None:
        """End it and wait until no process of it is left."""
        for child, _ in reversed(self._parts()):
            await child.stop()

    def alive(self) -> bool:
        """Whether all of its processes run."""
        return all(child.alive for child, _ in self._parts())

    @property
    def process_ids(self) -> list[int]:
        """Its processes, for people and for tests that kill them."""
        return [process for child, _ in reversed(self._parts()) for process in child.process_ids]

    def _prepare(self) -> None:  # noqa: B027 - not every server has something to prepare
        """Make its files; runs in a thread before every start. Raises :class:`ProblemError`."""

    @abstractmethod
    def _parts(self) -> Sequence[tuple[LeashedChild, Command]]:
        """Its processes in the order of starting, the server itself last."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether it serves now; ``OSError`` means no."""

    async def _comes_up(self) -> bool:
        """One try; false when it can succeed a little later."""
        for child, command in self._parts():
            if not child.alive:
                child.start(command)
        while not await self._tried_answer():
            dead = next((child for child, _ in self._parts() if not child.alive), None)
            if dead is not None:
                said = dead.log_of_this_run()
                self._hindrance = next((sign for sign in self.passing_failures if sign in said), None)
                if self._hindrance is not None:
                    return False
                await self.stop()
                raise self._problem(f"ended with code {dead.exit_code} while starting", dead)
            await asyncio.sleep(_POLL_SECONDS)
        return self.alive()

    async def _tried_answer(self) -> bool:
        try:
            async with asyncio.timeout(2.0):
                return await self._answers()
        except (OSError, EOFError):
            return False

    def _problem(self, what: str, child: LeashedChild | None = None) -> ProblemError:
        speaker = child or self._parts()[-1][0]
        tail = speaker.log_of_this_run()
        last_lines = "\n".join(tail.strip().splitlines()[-5:])
        return ProblemError(
            self.category,
            title=f"{self.name} did not start",
            detail=f"{self.name} {what}. Its log ends with:\n{last_lines}",
            user_message=f"{self.name} {what}.",
            recovery=[
                f"Read {speaker.log}.",
                "Remove the cause, then start again: no data is lost, and a port that others took is replaced.",
            ],
            technical_details={"log": str(speaker.log), "log_tail": tail},
        )


def environment_without(*prefixes: str) -> dict[str, str]:
    """This process's environment less the variables that steer other servers of the same kind."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
