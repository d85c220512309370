"""Heavy or dangerous work in a child process: what it takes or breaks costs that process alone.

The child reads one JSON line (its specification) from standard input and writes JSON lines: progress, then one
answer or one problem. Standard input stays open as its lifeline: when the parent is gone, even by kill -9, the
child ends at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import orjson

from shared.problems import Category, Problem, ProblemError
from shared.runtime.memory_watch import watch_memory
from shared.telemetry.logs import logger

log = logger(__name__)

Report = Callable[[dict[str, Any]], None]
_LINE_LIMIT = 64 * 1024 * 1024
_ERRORS_SHOWN = 4000


async def run_in_child(
    module: str, specification: dict[str, Any], *, what: str, on_progress: Report = lambda _: None
) -> dict[str, Any]:
    """Run ``python -m module`` on this specification; its answer.

    ``what`` names the work in messages for people. Raises the child's problem; RESOURCE_EXHAUSTION when it died.
    Cancelling this ends the child.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    errors = asyncio.create_task(child.stderr.read())
    try:
        child.stdin.write(orjson.dumps(specification) + b"\n")
        answer = await _answer(child.stdout, on_progress)
        child.stdin.close()
        await child.wait()
        if answer is None:
            log.error("child died", module=module, returncode=child.returncode, errors=_tail(await errors))
            raise _died(what)
        return answer
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        await asyncio.gather(errors, return_exceptions=True)


async def _answer(output: asyncio.StreamReader, on_progress: Report) -> dict[str, Any] | None:
    async for line in output:
        message: dict[str, Any] = orjson.loads(line)
        if "problem" in message:
            raise ProblemError.of(Problem.model_validate(message["problem"]))
        if "answer" in message:
            answer: dict[str, Any] = message["answer"]
            return answer
        on_progress(message["progress"])
    return None


def serve(work: Callable[[dict[str, Any], Report], dict[str, Any]]) -> None:
    """The child's side: run ``work`` on the specification that the parent sends, and answer.

    A specification with ``memory_bytes`` bounds what the child may take beyond what it begins with: past that it ends,
    as it does where an allocation fails, and the parent raises RESOURCE_EXHAUSTION.
    """
    # Whatever a library prints goes to standard error; only answers travel on the protocol's descriptor.
    protocol = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    specification = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    if "memory_bytes" in specification:
        watch_memory(specification["memory_bytes"], _end_for_memory)

    def send(message: dict[str, Any]) -> None:
        protocol.write(orjson.dumps(message) + b"\n")

    try:
        send({"answer": work(specification, lambda progress: send({"progress": progress}))})
    except ProblemError as error:
        send({"problem": error.problem.model_dump(mode="json")})


def _end_with_parent() -> None:
    # Not through sys.stdin: its lock would be held while the interpreter ends.
    while os.read(0, 65536):
        pass
    os._exit(3)


def _end_for_memory() -> None:
    os.write(2, b"more memory than memory_bytes allows\n")
    os._exit(4)


def _died(what: str) -> ProblemError:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title=f"{what} took more than this machine has",
        detail=f"{what} ended without an answer, most likely because memory ran out.",
        recovery=[
            "Use less data: a shorter period, fewer columns or fewer time steps.",
            "Or give the service more memory.",
        ],
    )


def _tail(errors: bytes) -> str:
    return errors.decode(errors="replace")[-_ERRORS_SHOWN:]
