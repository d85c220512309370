"""The real child program with an odd job in it: what a crash, a hang or a leak looks like from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.trainer.child import job
from services.trainer.child.__main__ import main


def run_job(specification: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Do what the ``target`` says, here and, with ``helpers`` in place of a search, beside others."""
    helpers = range(specification["search"]["helpers"])
    processes = [os.getpid(), *(subprocess.Popen(["/bin/sleep", "600"]).pid for _ in helpers)]
    send({"type": "progress", "phase": "training", "fraction": 0.0, "processes": processes})
    match specification["target"]:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "killed after each of four epochs":
            epochs = Path(specification["checkpoint_path"])
            ended = len(epochs.read_text()) + 1 if epochs.exists() else 1
            if ended == 5:
                return {"type": "trained", "metrics": {}, "summary": {"left": specification["seconds_left"]}}
            epochs.write_text("." * ended)
            send({"type": "checkpoint", "epoch": ended})
            os.kill(os.getpid(), signal.SIGKILL)
        case "killed once it is fitted, then never ends":
            begun = Path(specification["output_directory"], "begun")
            if not begun.exists():
                begun.touch()
                send({"type": "fitted"})
                os.kill(os.getpid(), signal.SIGKILL)
            while True:
                sum(range(10_000))
        case "breaks":
            raise ValueError("secret detail of the inside")
        case "out of memory":
            raise MemoryError
        case "talks":
            print("this is no JSON")
            os.write(1, b"nor is this\n")
            sys.stderr.write("warning " * 100_000)
            return {"type": "trained", "metrics": {"rmse": float("nan")}, "summary": {"duration_seconds": 0.0}}
        case "evaluates until asked to end":
            send({"type": "fitted"})
            while not Path(specification["output_directory"], "end").exists():
                pass
            return {"type": "trained", "metrics": {}, "summary": {}}
        case _:
            while True:
                sum(range(10_000))
    raise AssertionError("the process should be gone")


if __name__ == "__main__":
    job.run_job = run_job
    main()
