"""One training child: a process that is given one job, and says on the way and at the end how it goes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from services.trainer.output_end import OutputEnd
from shared.problems import Category, Problem, ProblemError, internal_problem
from shared.settings import Device
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

_LINE_LIMIT = 16 * 1024 * 1024
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Specification:
    """What the child needs to know of its job; paths are of this machine.

    ``checkpoint_path``: a file that may be there, to continue from, and that is replaced after each epoch. ``trial``:
    nothing but the loss on the validation part is wanted. ``search``: what has found the model's parameters.
    ``seconds_left``: to train in; None without a limit of time.
    """

    job_id: str
    dataset_path: str
    manifest_path: str
    output_directory: str
    model: dict[str, Any]
    target: str
    threads: int
    checkpoint_path: str | None = None
    trial: bool = False
    search: dict[str, Any] | None = None
    seconds_left: float | None = None
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended: with metrics, or with a problem.

    ``killed``: by a signal, before it could say anything. ``late``: by its worker, as its time was over.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    killed: bool = False
    late: bool = False


class Died(Exception):
    """A child ended before it was ready."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.problem.detail if outcome.problem else "")
        self.outcome = outcome


class Child:
    """One child process for one job: its connection, its output and its ending are three sockets of ours."""

    def __init__(self, connection: Stream, output: Stream, ending: Stream) -> None:
        self._connection, self._output, self._ending = connection, output, ending
        self._output_end = OutputEnd(output[0])
        self._process: int | None = None

    @classmethod
    async def on(cls, *sockets: socket.socket) -> Child:
        """Of a process that is still to come."""
        connection, output, ending = [await asyncio.open_connection(sock=one, limit=_LINE_LIMIT) for one in sockets]
        return cls(connection, output, ending)

    async def ready(self) -> bool:
        """Wait until it can be given its job; False when the nursery died. Raises :class:`Died` when it did itself."""
        if (message := await self._read()) is not None:
            self._process = message["process"]
            return True
        if (code := await self._exit_code()) is not None:
            raise Died(died_of(code))
        return False

    async def give(self, specification: Specification) -> bool:
        """Give it its job; False when it ended before it took it."""
        self._connection[1].write(orjson.dumps(asdict(specification)) + b"\n")
        return await self._read() is not None

    async def follow(self, on_message: Callable[[dict[str, Any]], None]) -> Outcome:
        """The job's outcome, with all that it says on the way."""
        while (message := await self._read()) is not None:
            match message["type"]:
                case "trained":
                    return Outcome(message["metrics"], message["summary"])
                case "failed":
                    return Outcome(problem=Problem.model_validate(message["problem"]))
                case _:
                    on_message(message)
        return await self.died()

    async def died(self) -> Outcome:
        """Why it ended without an outcome: what it wrote is for the log alone."""
        code = await self._exit_code()
        log.error("training child died", returncode=code, output=await self._output_end.read())
        return died_of(code)

    async def end(self) -> None:
        """Kill it if it runs still, with whatever it has started; one that is still to come ends by itself."""
        self._connection[1].close()
        if self._process is not None:
            self._kill()
            await self._exit_code()
        for _, writer in (self._output, self._ending):
            writer.close()
        await self._output_end.read()

    async def _exit_code(self) -> int | None:
        """Once it has ended; None where nobody is left who knows."""
        code = await self._ending[0].read()
        # Unless the nursery has, already.
        self._kill()
        self._process = None
        return int(code) if code else None

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process, signal.SIGKILL)

    async def _read(self) -> dict[str, Any] | None:
        try:
            line = await self._connection[0].readline()
        except ConnectionError:
            # It was killed before it had read all that it was sent.
            return None
        # Half a line is the last that a killed one could say.
        message: dict[str, Any] | None = orjson.loads(line) if line.endswith(b"\n") else None
        return message


def died_of(code: int | None) -> Outcome:
    """Of a process that ended without an outcome, with this exit code; None: killed, and whoever knew how was, too."""
    if code is not None and code >= 0:
        return Outcome(problem=internal_problem(current_trace_id()))
    how = "ended from outside" if code is None else f"ended by signal {-code}"
    problem = ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The training process died",
        detail=f"The job's process was {how} before it had a result; most often memory ran out.",
        recovery=["Lower batch_size, units or layers.", "Use fewer windows.", "Give the worker more memory."],
    ).problem
    return Outcome(problem=problem, killed=True)
