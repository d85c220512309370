"""``python -m services.trainer.child [--preload]``: imports what training needs, then is copied for each job.

Standard input is a Unix socket on which the worker asks for copies (:mod:`services.trainer.child.copies`). On its
connection, a copy is given one line, the job's specification; then nothing, and its end means that the worker is gone.
It says, one JSON object a line: ``ready`` with its process, ``taken`` when the job was read, any number of
``progress``, ``checkpoint`` (a newer one is in its file), ``checkpoint refused`` (the one that was there is of no use)
and ``fitted`` (the job's own model is trained, and its time no longer counts), then ``trained`` or ``failed``. Ending
without one of these two, by a signal or an exit code, is a crash.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import orjson

from services.trainer.child.copies import Copies
from services.trainer.child.threads import limit_threads
from shared.problems import Category, ProblemError

_WORKER_GONE = 3
Send = Callable[[dict[str, Any]], None]


def main() -> None:
    """Import, then serve until the worker is gone."""
    # Libraries print what they like.
    os.dup2(2, 1)
    if "--preload" in sys.argv:
        from services.trainer.child import job  # noqa: F401
        from services.trainer.models.registry import load_all

        load_all()
    Copies(socket.socket(fileno=os.dup(0)), _work).serve()


def _work(connection: socket.socket) -> None:
    """Say ready, take one specification, run it, say how it ended."""

    def send(message: dict[str, Any]) -> None:
        connection.sendall(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")

    send({"type": "ready", "process": os.getpid()})
    line = connection.makefile("rb").readline()
    if not line:
        return
    threading.Thread(target=_end_with_worker, args=(connection,), daemon=True).start()
    send({"type": "taken"})
    specification = orjson.loads(line)
    limit_threads(specification["threads"])
    send(_outcome(specification, send))


def _outcome(specification: dict[str, Any], send: Send) -> dict[str, Any]:
    from services.trainer.child import job, trial

    try:
        return trial.run_trial(specification, send) if specification["trial"] else job.run_job(specification, send)
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


def _end_with_worker(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass
    os._exit(_WORKER_GONE)


if __name__ == "__main__":
    main()
