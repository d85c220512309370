"""``python -m services.trainer.child [--preload]``: imports what training needs, then is copied for each job.

A copy (:mod:`shared.runtime.copies`) says, of the job in its specification, any number of ``progress``, ``checkpoint``
(a newer one is in its file), ``checkpoint refused`` (the one that was there is of no use) and ``fitted`` (the job's own
model is trained, and its time no longer counts), then ``trained`` or ``failed``. Ending without one of these two, by a
signal or an exit code, is a crash.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from services.trainer.child.threads import limit_threads
from shared.problems import ProblemError
from shared.runtime.copies import Send, serve_copies


def main() -> None:
    """Import, then serve until the worker is gone."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    if "--preload" in sys.argv:
        from services.trainer.child import job  # noqa: F401
        from services.trainer.models.registry import load_all

        load_all()
    serve_copies(_work)


def _work(specification: dict[str, Any], send: Send) -> None:
    limit_threads(specification["threads"])
    send(_outcome(specification, send))


def _outcome(specification: dict[str, Any], send: Send) -> dict[str, Any]:
    from services.trainer.child import job, trial

    try:
        return trial.run_trial(specification, send) if specification["trial"] else job.run_job(specification, send)
    except ProblemError as error:
        return {"type": "failed", "problem": error.problem.model_dump(mode="json")}
    except MemoryError:
        from services.trainer.memory import out_of_memory

        problem = out_of_memory(
            specification["model"],
            specification["manifest_path"],
            title="The job ran out of memory",
            detail="Training needed more memory than this worker has.",
        ).problem
        return {"type": "failed", "problem": problem.model_dump(mode="json")}


if __name__ == "__main__":
    main()
