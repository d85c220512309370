"""kill -9 of the training child, or of the whole worker, at random epochs: what becomes of the jobs.

    python -m benchmarks.kills [--count 50] [--seed 0]

A local stack with one trainer worker, which its supervisor starts again; small Dense jobs with a fixed seed, one after
the other, each killed up to five times on its way. Every job must end once, with the metrics and forecasts of a job
that nothing happened to, and leave nothing but its artifacts in the store.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.platform import Opened, opened
from benchmarks.sessions import configured_session, write_load
from shared.database.pool import Record
from shared.telemetry.logs import configure_logging

_EPOCHS = 60
_KILLS_PER_JOB = 5
_DEADLINE_SECONDS = 300.0
_SETTINGS = {
    "FORETIDE_LEASE_SECONDS": "2",
    "FORETIDE_SWEEP_SECONDS": "0.5",
    "FORETIDE_PRELOAD_MODELS": "false",
}
_MODEL = {"kind": "Dense", "layers": 2, "units": 32, "epochs": _EPOCHS, "patience": 1000, "batch_size": 8}


class Killing:
    """One stack, its database, and the chance that decides."""

    def __init__(self, opened: Opened, file: Path, seed: int) -> None:
        self._stack, self._client, self._database = opened.stack, opened.client, opened.database
        self._file = file
        self._random = random.Random(seed)
        self.killed: Counter[str] = Counter()

    async def job(self, kills: int) -> dict[str, Any]:
        """What a new job ends with, although it was killed so often."""
        session_id = await configured_session(self._client, self._file, [_MODEL])
        await self._client.generate_and_train(session_id)
        for epoch in sorted(self._random.choices(range(_EPOCHS - 5), k=kills)):
            if await self._reached(session_id, epoch):
                await self._kill(session_id)
        return await self._outcome(session_id)

    async def _kill(self, session_id: str) -> None:
        """Counts only what strikes a training."""
        await asyncio.sleep(self._random.random() * 0.5)
        worker = psutil.Process(await self._worker())
        what = self._random.choice(["child", "worker"])
        row = await self._row(session_id)
        struck = []
        # Jobs are copies, and so children, of the worker's child that has imported everything.
        children = [job for nursery in worker.children() for job in nursery.children()]
        for process in children if what == "child" else [worker]:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
                struck.append(process.pid)
        if struck and row is not None and self._is_held(row):
            self.killed[what] += 1

    def _is_held(self, row: Record) -> bool:
        """Somebody works on it."""
        return bool(row["status"] == "running" and row["lease_until"] > datetime.now(UTC))

    async def _worker(self) -> int:
        """Its process id, once it was started again."""
        parts = self._stack.supervisor.process_ids
        while "trainer-worker" not in parts:
            await asyncio.sleep(0.05)
            parts = self._stack.supervisor.process_ids
        return parts["trainer-worker"]

    async def _reached(self, session_id: str, epoch: int) -> bool:
        """False when the job ended before."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline:
            row = await self._row(session_id)
            if row is not None and row["status"] in ("trained", "failed"):
                return False
            if row is not None and self._is_held(row):
                checkpoint = row["checkpoint"]
                if epoch == 0 or (checkpoint is not None and int(Path(checkpoint["key"]).stem) >= epoch):
                    return True
            await asyncio.sleep(0.02)
        raise TimeoutError(f"epoch {epoch} was not reached")

    async def _outcome(self, session_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while time.monotonic() < deadline:
            row = await self._row(session_id)
            if row is not None and row["status"] == "failed":
                return {"error": row["error"]}
            if row is not None and row["status"] == "trained" and row["checkpoint"] is None and not row["has_remains"]:
                kept = {reference["key"] for reference in row["artifacts"].values()}
                return {
                    "metrics": row["metrics"],
                    "forecasts": row["artifacts"]["forecasts"]["sha256"],
                    "ends": await self._ends(session_id),
                    "only_artifacts": self._stored(session_id) == {Path(key) for key in kept},
                }
            await asyncio.sleep(0.1)
        raise TimeoutError("the job did not end")

    def _stored(self, session_id: str) -> set[Path]:
        root = self._stack.servers.data_directory / "objects" / "ml-artifacts"
        return {path.relative_to(root) for path in (root / "models" / session_id).rglob("*") if path.is_file()}

    async def _row(self, session_id: str) -> Record | None:
        async with self._database.transaction() as transaction:
            return await transaction.fetch_row("select * from public.training_jobs where session_id = $1", session_id)

    async def _ends(self, session_id: str) -> int:
        async with self._database.transaction() as transaction:
            return int(
                await transaction.fetch_value(
                    """select count(*) from public.session_events
                       where session_id = $1 and name in ('model.trained', 'model.failed')""",
                    session_id,
                )
            )


async def run(count: int, seed: int) -> dict[str, Any]:
    """The figures."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="foretide-kills-") as name:
        folder = Path(name)
        async with opened(folder, _SETTINGS) as stack:
            killing = Killing(stack, write_load(folder / "load.csv", days=40), seed)
            whole = await killing.job(0)
            outcomes = []
            while (left := count - killing.killed.total()) > 0:
                outcomes.append(await killing.job(min(left, _KILLS_PER_JOB)))
                print(f"{killing.killed.total()} kills, {len(outcomes)} jobs", file=sys.stderr, flush=True)
    return {
        "kills": killing.killed.total(),
        "killed_children": killing.killed["child"],
        "killed_workers": killing.killed["worker"],
        "jobs": len(outcomes),
        "ended_once": sum(outcome.get("ends") == 1 for outcome in outcomes),
        "same_result": sum(outcome == whole for outcome in outcomes),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """Print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    configure_logging("kills", level="ERROR")
    found = asyncio.run(run(arguments.count, arguments.seed))
    print(json.dumps(found))
    sys.exit(not found["jobs"] == found["ended_once"] == found["same_result"])


if __name__ == "__main__":
    main()
