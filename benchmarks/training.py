"""Training through the platform beside the same Keras script run bare, and two workers beside one, in the same run.

    python -m benchmarks.training [--rounds 2]

A Dense and an LSTM job with a fixed number of epochs: their time in the child (reading, training with checkpoints,
forecasting, evaluating, saving) over the bare script's (reading, training, forecasting). Rounds alternate; the ratio is
of the medians' sums. Start-up is all else between asking for a job and its end, in a worker that is warm: queueing,
fetching, handing over, storing, committing. The speed-up is of 12 small jobs of one thread each: the default Dense
network on 200 days. Beside it stands what this machine gives two bare scripts of the same network at once, one thread
each: two virtual cores may be one real one.
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

from benchmarks.platform import Platform, opened
from shared.database.pool import Record
from shared.telemetry.logs import configure_logging

_FIXED = {"patience": 1000, "batch_size": 32, "normalization": "none"}
_COMPARED: tuple[dict[str, Any], ...] = (
    {"kind": "Dense", "layers": 3, "units": 512, "epochs": 6, **_FIXED},
    {"kind": "LSTM", "layers": 2, "units": 64, "epochs": 4, **_FIXED},
)
_SMALL = {"kind": "Dense", "layers": 3, "units": 512, "epochs": 20, **_FIXED}
"""The network as it is by default."""
_SMALL_JOBS = 12


@asynccontextmanager
async def platform(folder: Path, *, workers: int, days: int, threads: int) -> AsyncIterator[Platform]:
    """With so many trainer workers, whose jobs have so many threads."""
    async with opened(folder, {"FORETIDE_THREADS_PER_JOB": str(threads)}, workers=workers) as stack:
        yield await Platform.with_load(stack, folder, days=days)


async def train(one: Platform, models: list[dict[str, Any]]) -> tuple[float, list[Record]]:
    """Seconds from asking to the last job's end, and the jobs; returns when the run is over."""
    began = time.monotonic()
    run_id = await one.start(models)
    jobs = await one.trained(run_id, len(models))
    seconds = time.monotonic() - began
    await one.completed(run_id)
    return seconds, jobs


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
        await train(one, [{**_SMALL, "epochs": 1}])
        for _ in range(rounds):
            for model in _COMPARED:
                seconds, [job] = await train(one, [model])
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
            dataset = await some.dataset()
            await train(some, [{**_SMALL, "epochs": 1}] * 2 * workers)
            seconds[workers], _ = await train(some, [{**_SMALL, "seed": seed} for seed in range(_SMALL_JOBS)])
            if workers == 1:
                bare_speedup = await two_bare(dataset)
    return {
        "two_worker_speedup": round(seconds[1] / seconds[2], 2),
        "two_bare_scripts_speedup": round(bare_speedup, 2),
        "one_worker_seconds": round(seconds[1], 1),
        "jobs": _SMALL_JOBS,
    }


async def two_bare(dataset: Path) -> float:
    """How many times faster two bare scripts are at once than one after the other."""
    apart = [await bare(dataset, _SMALL, 1) for _ in range(2)]
    together = await asyncio.gather(*(bare(dataset, _SMALL, 1) for _ in range(2)))
    return sum(apart) / max(together)


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
