"""What a training child is given, and how it ends: with metrics, or with a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.trainer.memory import out_of_memory
from shared.problems import Problem, internal_problem
from shared.runtime.child_process import ChildProcess
from shared.settings import Device
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)


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


async def follow(
    child: ChildProcess, specification: Specification, on_message: Callable[[dict[str, Any]], None]
) -> Outcome:
    """The outcome of the job that it was given, with all that it says on the way."""
    while (message := await child.read()) is not None:
        match message["type"]:
            case "trained":
                return Outcome(message["metrics"], message["summary"])
            case "failed":
                return Outcome(problem=Problem.model_validate(message["problem"]))
            case _:
                on_message(message)
    code = await child.exit_code()
    log.error("training child died", returncode=code, output=await child.output())
    return died_of(code, specification)


def died_of(code: int | None, specification: Specification) -> Outcome:
    """Of a process that ended without an outcome, with this exit code; None: killed, and whoever knew how was, too."""
    if code is not None and code >= 0:
        return Outcome(problem=internal_problem(current_trace_id()))
    how = "ended from outside" if code is None else f"ended by signal {-code}"
    problem = out_of_memory(
        specification.model,
        specification.manifest_path,
        title="The training process died",
        detail=f"The job's process was {how} before it had a result; most often memory ran out.",
    ).problem
    return Outcome(problem=problem, killed=True)
