"""``python -m services.trainer.child [--preload]``: one job per process; see the runner for the protocol."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, BinaryIO

import orjson

from shared.problems import Category, ProblemError


def main() -> None:
    """Say ready, take one specification, run it, say how it ended."""
    # Libraries print what they like; only the protocol travels on the real standard output.
    protocol: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        protocol.write(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")

    if "--preload" in sys.argv:
        import services.trainer.models.dense
    send({"type": "ready"})
    line = sys.stdin.buffer.readline()
    if not line:
        return
    specification = orjson.loads(line)
    threading.Thread(target=_end_with_worker, daemon=True).start()
    _limit_threads(specification["threads"])
    send(_outcome(specification, send))


def _outcome(specification: dict[str, Any], send: Any) -> dict[str, Any]:
    from services.trainer.child.job import run_job

    try:
        return run_job(specification, send)
    except ProblemError as error:
        return {"type": "failed", "problem": error.problem.model_dump(mode="json")}
    except MemoryError:
        problem = ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="The job ran out of memory",
            detail="Training needed more memory than this worker has.",
            recovery=["Lower batch_size, units or layers.", "Use fewer windows (a larger step_minutes)."],
        ).problem
        return {"type": "failed", "problem": problem.model_dump(mode="json")}


def _limit_threads(count: int) -> None:
    if count <= 0:
        return
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(count))
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _end_with_worker() -> None:
    """Standard input is the lifeline: when its other end is gone, so is the worker."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(3)


if __name__ == "__main__":
    main()
