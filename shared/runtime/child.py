"""Heavy or dangerous work in a child process: what it takes or breaks costs that process alone.

The child's program imports what it needs and calls :func:`serve`; it is copied for each piece of work
(:mod:`shared.runtime.copies`). A copy says any number of ``progress``, then ``answer`` or ``problem``. It ends with its
parent, by ``kill -9`` too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from shared.problems import Category, Problem, ProblemError, internal_problem
from shared.runtime.child_process import ChildProcess, Died
from shared.runtime.copies import Send, serve_copies
from shared.runtime.memory_limit import memory_limit
from shared.runtime.memory_watch import watch_memory
from shared.runtime.nursery import Nursery
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

_OUT_OF_MEMORY = 4
_GIBIBYTE = 1024**3
Report = Callable[[dict[str, Any]], None]
Advice = Callable[[dict[str, Any]], list[str]]
"""From a specification whose child took too much memory: what to ask for instead, with numbers."""


class Children:
    """Runs ``python -m module`` in children, as many at once as it is asked to.

    ``what`` names the work in messages for people, ``advice`` tells them what would take less memory.
    """

    def __init__(self, module: str, *, what: str, advice: Advice = lambda _: []) -> None:
        self._module = module
        self._what = what
        self._advice = advice
        self._nursery = Nursery(("-m", module))

    async def run(self, specification: dict[str, Any], on_progress: Report = lambda _: None) -> dict[str, Any]:
        """The answer to this specification.

        Raises the child's problem; RESOURCE_EXHAUSTION when it was killed or memory ran out, INTERNAL when it broke.
        Cancelling this ends the child.
        """
        try:
            child = await self._nursery.child()
        except Died as died:
            raise self._died(died.code, specification) from died
        try:
            child.give(specification)
            answer = await _answer(child, on_progress)
            if answer is None:
                code = await child.exit_code()
                log.error("child died", module=self._module, returncode=code, output=await child.output())
                raise self._died(code, specification)
            return answer
        finally:
            await child.end()

    def _died(self, code: int | None, specification: dict[str, Any]) -> ProblemError:
        """Killed, most likely for its memory; or broken by a fault of ours, which the log tells of."""
        if code is not None and code >= 0 and code != _OUT_OF_MEMORY:
            return ProblemError.of(internal_problem(current_trace_id()))
        limit = specification.get("memory_bytes", memory_limit())
        return ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title=f"{self._what} took more than this machine has",
            detail=f"{self._what} ended without an answer, most likely because memory ran out: "
            f"there are {limit / _GIBIBYTE:.3g} GiB for it.",
            recovery=[*self._advice(specification), f"Or give it more memory than {limit / _GIBIBYTE:.3g} GiB."],
            technical_details={"memory_bytes": limit},
        )

    async def stop(self) -> None:
        """Nothing more will be run."""
        await self._nursery.stop()


async def _answer(child: ChildProcess, on_progress: Report) -> dict[str, Any] | None:
    while (message := await child.read()) is not None:
        if "problem" in message:
            raise ProblemError.of(Problem.model_validate(message["problem"]))
        if "answer" in message:
            answer: dict[str, Any] = message["answer"]
            return answer
        on_progress(message["progress"])
    return None


def serve(
    work: Callable[[dict[str, Any], Report], dict[str, Any]], *, prepare: Callable[[], object] = lambda: None
) -> None:
    """The child's side: run ``work`` on the specification that the parent sends, and answer.

    A specification with ``memory_bytes`` bounds what the child may take beyond what it begins with, ``prepare``
    included: past that it ends, as it does where an allocation fails, and the parent raises RESOURCE_EXHAUSTION.
    """

    def answer(specification: dict[str, Any], send: Send) -> None:
        prepare()
        if "memory_bytes" in specification:
            watch_memory(specification["memory_bytes"], _end_for_memory)
        try:
            send({"answer": work(specification, lambda progress: send({"progress": progress}))})
        except ProblemError as error:
            send({"problem": error.problem.model_dump(mode="json")})
        except MemoryError:
            _end_for_memory()

    serve_copies(answer)


def _end_for_memory() -> None:
    os.write(2, b"more memory than there is, or than memory_bytes allows\n")
    os._exit(_OUT_OF_MEMORY)
