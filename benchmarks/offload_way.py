"""One way of storing a run's arrays, or of reading them back, in a process of its own, for ``benchmarks.offload``.

    python -m benchmarks.offload_way WAY WINDOWS ORDER STORE_URL

Prints seconds, bytes, and by how much the process grew at its peak, arrays and imports not counted.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from services.results.columnar import open_table, write_table
from services.results.document import write_document
from services.results.groups import Groups
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.open import open_store
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file

_STEPS, _FEATURES = 13, 3
_STEP_NS = 180 * 10**9
_SPLIT = (0.7, 0.9)
_HEAD = {"model_type": "Dense", "metrics": {"rmse": 1.0}, "parameters": {"layers": 3}}


def arrays(windows: int, order: str) -> Groups:
    """Windows of 13 steps of 3 columns, and 13 steps of one target, float32, in three parts.

    ``chronological``: three daily cycles with AR(1) noise and two decimals, scaled to 0..1, every window one step after
    the other. ``shuffled``: independent uniform numbers, which nothing can compress much.
    """
    random = np.random.default_rng(0)
    if order == "shuffled":
        inputs = random.random((windows, _STEPS, _FEATURES), np.float32)
        targets = random.random((windows, _STEPS, 1), np.float32)
    else:
        rows = windows + 2 * _STEPS
        noise = random.normal(size=(rows, _FEATURES))
        for row in range(1, rows):
            noise[row] += 0.9 * noise[row - 1]
        cycles = 20 * np.sin(2 * np.pi * (np.arange(rows)[:, None] / 480 + np.arange(_FEATURES)))
        series = np.round(50 + cycles + noise, 2)
        scaled = ((series - series.min(0)) / np.ptp(series, axis=0)).astype(np.float32)
        seen = sliding_window_view(scaled, 2 * _STEPS, axis=0).swapaxes(1, 2)[:windows]
        inputs, targets = np.ascontiguousarray(seen[:, :_STEPS]), np.ascontiguousarray(seen[:, _STEPS:, :1])
    times = np.arange(windows) * _STEP_NS
    first, second = (int(share * windows) for share in _SPLIT)
    parts = {"train_data": slice(0, first), "val_data": slice(first, second), "test_data": slice(second, windows)}
    return {
        name: {"X": inputs[part], "y": targets[part], "reference_times": times[part]} for name, part in parts.items()
    }


async def plain(store: ObjectStore, groups: Groups, _: Path) -> int:
    """All at once: lists, text, gzip, one put."""
    lists = {name: {member: array[:].tolist() for member, array in one.items()} for name, one in groups.items()}
    body = gzip.compress(json.dumps({**_HEAD, **lists}, indent=2).encode(), 9)
    await store.put(TRAINING_RESULTS, "plain.json.gz", body)
    return len(body)


async def document(store: ObjectStore, groups: Groups, folder: Path) -> int:
    """As the results service does."""
    path = folder / "document.json.gz"
    write_document(path, _HEAD, groups, {})
    await put_file(store, TRAINING_RESULTS, "document.json.gz", path)
    return path.stat().st_size


async def table(store: ObjectStore, groups: Groups, folder: Path) -> int:
    """As the results service does."""
    path = folder / "table.parquet"
    write_table(path, _HEAD, groups, {})
    await put_file(store, TRAINING_RESULTS, "table.parquet", path)
    return path.stat().st_size


async def read_plain(store: ObjectStore, groups: Groups, _: Path) -> int:
    """All at once, the other way round."""
    body = b"".join([block async for block in store.get(TRAINING_RESULTS, "plain.json.gz")])
    found = json.loads(gzip.decompress(body))
    for name, members in groups.items():
        _check({member: np.array(found[name][member], array.dtype) for member, array in members.items()}, members)
    return len(body)


async def read_table(store: ObjectStore, groups: Groups, folder: Path) -> int:
    """By the product's own reader."""
    path = folder / "table.parquet"
    await get_file(store, TRAINING_RESULTS, "table.parquet", path)
    found = open_table(path)
    for name, members in groups.items():
        _check(found.read(name), members)
    return path.stat().st_size


def _check(found: dict[str, Any], members: dict[str, Any]) -> None:
    for name, array in members.items():
        if found[name].tobytes() != array[:].tobytes():
            raise RuntimeError(f"{name} came back different")


Way = Callable[[ObjectStore, Groups, Path], Awaitable[int]]
WAYS: dict[str, Way] = {
    "plain": plain,
    "document": document,
    "table": table,
    "read_plain": read_plain,
    "read_table": read_table,
}


def _kilobytes(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


async def run(way: str, windows: int, order: str, url: str) -> dict[str, float]:
    """The measurement."""
    groups = arrays(windows, order)
    async with open_store(url, public_url="", signing_secret="") as store:
        with tempfile.TemporaryDirectory(prefix="foretide-offload-benchmark-") as name:
            # A service's connections stand already.
            await store.put(TRAINING_RESULTS, "warm", b"")
            before = _kilobytes("VmRSS")
            # Forget the peak so far (proc(5)).
            Path("/proc/self/clear_refs").write_text("5")
            began = time.perf_counter()
            size = await WAYS[way](store, groups, Path(name))
            seconds = time.perf_counter() - began
            return {"seconds": seconds, "bytes": size, "growth_mb": (_kilobytes("VmHWM") - before) / 1024}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))))
