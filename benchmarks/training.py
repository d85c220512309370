"""Training through the platform beside the same Keras script run bare, and two workers beside one, in the same run.

    python -m benchmarks.training [--rounds 2]

A Dense and an LSTM job with a fixed number of epochs: their time in the child (reading, training with checkpoints,
forecasting, evaluating, saving) over the bare script's (reading, training, forecasting). Rounds alternate; the ratio is
of the medians' sums. Start-up is all else between asking for a job and its end, in a worker that is warm: queueing,
fetching, handing over, storing, committing. The speed-up is of 12 small jobs of one thread each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.sessions import configured_session, write_load
from foretide.client.http import Client
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.ports import Ports
from shared.database.pool import Database, Record
from shared.telemetry.logs import configure_logging

_DEADLINE_SECONDS = 900.0
_FIXED = {"patience": 1000, "batch_size": 32, "normalization": "none"}
_COMPARED: tuple[dict[str, Any], ...] = (
    {"kind": "Dense", "layers": 3, "units": 512, "epochs": 6, **_FIXED},
    {"kind": "LSTM", "layers": 2, "units": 64, "epochs": 4, **_FIXED},
)
_SMALL = {"kind": "Dense", "layers": 2, "units": 128, "epochs": 20, **_FIXED}
_SMALL_JOBS = 12
_SETTINGS = {"FORETIDE_REQUESTS_PER_MINUTE": "1000000", "FORETIDE_LOG_LEVEL": "ERROR"}


class Platform:
    """A stack with so many trainer workers, and a session whose dataset is there."""

    def __init__(self, stack: RunningStack, client: Client, database: Database, session_id: str) -> None:
        self._stack = stack
        self._client = client
        self._database = database
        self._session_id = session_id

    async def dataset(self) -> Path:
        """The arrays, in the folder store."""
        await self._client.call("POST", f"/api/training/generate-datasets/{self._session_id}")
        [row] = await self._until("select * from public.training_datasets where session_id = $1", "ready", 1)
        reference = row["metadata"]["references"]["dataset"]
        return Path(self._stack.servers.data_directory, "objects", reference["bucket"], reference["key"])

    async def train(self, models: list[dict[str, Any]]) -> tuple[float, list[Record]]:
        """Seconds from asking to the last job's end, and the jobs."""
        began = time.monotonic()
        answer = await self._client.call(
            "POST", f"/api/training/train-models/{self._session_id}", json={"models": models}
        )
        jobs = await self._until(
            "select * from public.training_jobs where session_id = $1 and run_id = $2",
            "trained",
            len(models),
            answer["runId"],
        )
        seconds = time.monotonic() - began
        await self._until(
            "select * from public.training_runs where session_id = $1 and id = $2", "completed", 1, answer["runId"]
        )
        return seconds, jobs

    async def _until(self, query: str, status: str, count: int, *further: str) -> list[Record]:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline:
            async with self._database.transaction() as transaction:
                rows = await transaction.fetch(query, self._session_id, *further)
            found = [row["status"] for row in rows]
            if "failed" in found:
                raise RuntimeError(f"failed: {[dict(row) for row in rows]}")
            if found.count(status) == count:
                return list(rows)
            await asyncio.sleep(0.02)
        raise TimeoutError(f"not {status} in time")


@asynccontextmanager
async def platform(folder: Path, *, workers: int, days: int, threads: int) -> AsyncIterator[Platform]:
    """Everything of it, on private servers."""
    folder.mkdir()
    port = Ports(folder / "ports.json").claim("gateway")
    settings = {**_SETTINGS, "FORETIDE_THREADS_PER_JOB": str(threads)}
    async with (
        local_stack(folder / "data", port=port, workers=workers, settings=settings) as stack,
        Client(stack.url, stack.token) as client,
    ):
        database = Database(stack.servers.database_url, pool_size=2)
        await database.open()
        try:
            session_id = await configured_session(client, write_load(folder / "load.csv", days=days), [])
            yield Platform(stack, client, database, session_id)
        finally:
            await database.close()


async def bare(dataset: Path, model: dict[str, Any], threads: int) -> float:
    """Seconds of the bare script."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.training_bare", str(dataset), json.dumps(model), str(threads)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"},
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the bare script failed")
    return float(output.split()[-1])


async def compare(folder: Path, rounds: int) -> dict[str, Any]:
    """The platform beside the bare script."""
    threads = os.cpu_count() or 1
    ours: dict[str, list[float]] = {model["kind"]: [] for model in _COMPARED}
    theirs: dict[str, list[float]] = {model["kind"]: [] for model in _COMPARED}
    starts = []
    async with platform(folder, workers=1, days=500, threads=threads) as one:
        dataset = await one.dataset()
        await one.train([{**_SMALL, "epochs": 1}])
        for _ in range(rounds):
            for model in _COMPARED:
                seconds, [job] = await one.train([model])
                inside = float(job["detail"]["duration_seconds"])
                ours[model["kind"]].append(inside)
                starts.append(seconds - inside)
                theirs[model["kind"]].append(await bare(dataset, model, threads))
    taken, needed = ({kind: statistics.median(found) for kind, found in times.items()} for times in (ours, theirs))
    return {
        "overhead_ratio": round(sum(taken.values()) / sum(needed.values()), 3),
        "start_seconds_warm": round(statistics.median(starts), 2),
        **{f"overhead_ratio_{kind.lower()}": round(taken[kind] / needed[kind], 3) for kind in taken},
        **{f"bare_seconds_{kind.lower()}": round(needed[kind], 1) for kind in needed},
    }


async def speed_up(folder: Path) -> dict[str, Any]:
    """Twelve jobs with one worker, and with two."""
    seconds = {}
    for workers in (1, 2):
        async with platform(folder / str(workers), workers=workers, days=200, threads=1) as some:
            await some.dataset()
            await some.train([{**_SMALL, "epochs": 1}] * 2 * workers)
            seconds[workers], _ = await some.train([{**_SMALL, "seed": seed} for seed in range(_SMALL_JOBS)])
    return {
        "two_worker_speedup": round(seconds[1] / seconds[2], 2),
        "one_worker_seconds": round(seconds[1], 1),
        "jobs": _SMALL_JOBS,
    }


async def run(rounds: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="foretide-training-benchmark-") as name:
        folder = Path(name)
        (folder / "workers").mkdir()
        return {**await compare(folder / "compare", rounds), **await speed_up(folder / "workers"), "rounds": rounds}


def main() -> None:
    """Print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    configure_logging("training", level="ERROR")
    print(json.dumps(asyncio.run(run(arguments.rounds))))


if __name__ == "__main__":
    main()
