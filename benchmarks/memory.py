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

from benchmarks.sessions import configured_session, write_load
from foretide.client.http import Client
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.ports import Ports
from shared.database.pool import Database
from shared.telemetry.logs import configure_logging

_DEADLINE_SECONDS = 600.0
_JOBS_OF_A_RUN = 50
_EARLY = 10
_READINGS = 10
_SETTINGS = {
    "FORETIDE_PRELOAD_MODELS": "false",
    "FORETIDE_REQUESTS_PER_MINUTE": "1000000",
    "FORETIDE_LOG_LEVEL": "ERROR",
}


async def run(jobs: int) -> dict[str, Any]:
    """The figures; memory in MiB."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="foretide-memory-") as name:
        folder = Path(name)
        port = Ports(folder / "ports.json").claim("gateway")
        async with (
            local_stack(folder / "data", port=port, settings=_SETTINGS) as stack,
            Client(stack.url, stack.token) as client,
        ):
            database = Database(stack.servers.database_url, pool_size=2)
            await database.open()
            session_id = await configured_session(client, write_load(folder / "load.csv", days=40), [])
            readings = await _readings(stack, client, database, session_id, jobs)
            await database.close()
    early = statistics.median(readings[_EARLY : _EARLY + _READINGS])
    late = statistics.median(readings[-_READINGS:])
    return {
        "memory_ratio": round(late / early, 3),
        "worker_mib_after_10_jobs": round(early, 1),
        f"worker_mib_after_{jobs}_jobs": round(late, 1),
        "jobs": jobs,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _readings(stack: RunningStack, client: Client, database: Database, session_id: str, jobs: int) -> list[float]:
    """The worker's memory in MiB, once after each job."""
    worker = psutil.Process(stack.supervisor.process_ids["trainer-worker"])
    await client.call("POST", f"/api/training/generate-datasets/{session_id}")
    await _until(database, session_id, "training_datasets", "ready", 1)
    readings: list[float] = []
    while (left := jobs - len(readings)) > 0:
        models = [{"kind": "Linear", "ridge": float(number)} for number in range(1, min(left, _JOBS_OF_A_RUN) + 1)]
        answer = await client.call("POST", f"/api/training/train-models/{session_id}", json={"models": models})
        for _ in models:
            await _until(database, session_id, "training_jobs", "trained", len(readings) + 1)
            readings.append(worker.memory_info().rss / 2**20)
        await _until(database, session_id, "training_runs", "completed", 1, answer["runId"])
    return readings


async def _until(database: Database, session_id: str, table: str, status: str, count: int, *run: str) -> None:
    """At least so many of the session's rows are in that state. Raises where one failed."""
    only = " and id = $2" if run else ""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        async with database.transaction() as transaction:
            rows = await transaction.fetch(
                f"select status from public.{table} where session_id = $1{only}", session_id, *run
            )
        found = [row["status"] for row in rows]
        if "failed" in found:
            raise RuntimeError(f"something in {table} failed")
        if found.count(status) >= count:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{table}: not {status} in time")


def main() -> None:
    """Print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    arguments = parser.parse_args()
    configure_logging("memory", level="ERROR")
    print(json.dumps(asyncio.run(run(arguments.jobs))))


if __name__ == "__main__":
    main()
