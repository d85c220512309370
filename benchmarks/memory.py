"""Whether a trainer worker's memory grows with the jobs that it has done.

    python -m benchmarks.memory [--jobs 200]

A local stack with one trainer worker and small jobs, fifty to a run; the worker's resident memory after every job. The
ratio is of the medians of ten readings: after the last job, and after the tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.platform import Platform, opened
from shared.telemetry.logs import configure_logging

_JOBS_OF_A_RUN = 50
_EARLY = 10
_READINGS = 10
_SETTINGS = {"FORETIDE_PRELOAD_MODELS": "false"}


async def run(jobs: int) -> dict[str, Any]:
    """The figures; memory in MiB."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="foretide-memory-") as name:
        folder = Path(name)
        async with opened(folder, _SETTINGS) as stack:
            worker = psutil.Process(stack.stack.supervisor.process_ids["trainer-worker"])
            readings = await _readings(await Platform.with_load(stack, folder, days=40), worker, jobs)
    early = statistics.median(readings[_EARLY : _EARLY + _READINGS])
    late = statistics.median(readings[-_READINGS:])
    return {
        "memory_ratio": round(late / early, 3),
        "worker_mib_after_10_jobs": round(early, 1),
        f"worker_mib_after_{jobs}_jobs": round(late, 1),
        "jobs": jobs,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _readings(platform: Platform, worker: psutil.Process, jobs: int) -> list[float]:
    """The worker's memory in MiB, once after each job."""
    await platform.dataset()
    readings: list[float] = []
    while (left := jobs - len(readings)) > 0:
        models = [{"kind": "Linear", "ridge": float(number)} for number in range(1, min(left, _JOBS_OF_A_RUN) + 1)]
        run_id = await platform.start(models)
        for count in range(1, len(models) + 1):
            await platform.trained(run_id, count)
            readings.append(worker.memory_info().rss / 2**20)
        await platform.completed(run_id)
    return readings


def main() -> None:
    """Print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    arguments = parser.parse_args()
    configure_logging("memory", level="ERROR")
    print(json.dumps(asyncio.run(run(arguments.jobs))))


if __name__ == "__main__":
    main()
