"""One training child: a process that is given one job, and says on the way and at the end how it goes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from shared.problems import Category, Problem, ProblemError, internal_problem
from shared.settings import Device
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

_LINE_LIMIT = 16 * 1024 * 1024
_READY_SECONDS = 120.0
_ERRORS_SHOWN = 4000
_EXIT_POLL_SECONDS = 0.01


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
    """A child that ended before it was ready."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.problem.detail if outcome.problem else "")
        self.outcome = outcome


class Child:
    """One child process, ready for one job."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stderr is not None
        self._errors = asyncio.create_task(_tail(process.stderr))

    @classmethod
    async def start(cls, arguments: Sequence[str]) -> Child:
        """Start it and wait until its imports are done. Raises :class:`Died` when it ends instead."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"},
        )
        child = cls(process)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                message = await child._read()
            if message is None:
                raise Died(await child.died())
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.returncode is None

    async def give(self, specification: Specification) -> bool:
        """Give it its job; False when it ended before it took it, which is not the job's fault."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(asdict(specification)) + b"\n")
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

    async def end(self) -> None:
        """Kill it if it runs still, with whatever it has started."""
        self._kill_group()
        await self._process.wait()
        await asyncio.gather(self._errors, return_exceptions=True)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        message: dict[str, Any] | None = orjson.loads(line) if line else None
        return message

    async def died(self) -> Outcome:
        """Why it ended without an outcome: what it wrote to standard error is for the log alone."""
        # Not wait(): that waits for the pipes too, which whatever the child has started may hold open.
        while (code := self._process.returncode) is None:
            await asyncio.sleep(_EXIT_POLL_SECONDS)
        self._kill_group()
        log.error("training child died", returncode=code, errors=(await self._errors).decode(errors="replace"))
        if code >= 0:
            return Outcome(problem=internal_problem(current_trace_id()))
        problem = ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="The training process died",
            detail=f"The job's process was ended by signal {-code} before it had a result; most often memory ran out.",
            recovery=["Lower batch_size, units or layers.", "Use fewer windows.", "Give the worker more memory."],
        ).problem
        return Outcome(problem=problem, killed=True)


async def _tail(errors: asyncio.StreamReader) -> bytes:
    """The end of what a child writes, however much that is."""
    kept = b""
    while block := await errors.read(65536):
        kept = (kept + block)[-_ERRORS_SHOWN:]
    return kept
