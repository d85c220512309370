"""Storing a run's arrays and reading them back, beside the plain way, on one S3 server in one run.

    python -m benchmarks.offload [--rounds 3]

Plain: ``gzip.compress(json.dumps(document, indent=2).encode(), 9)`` and one put; and back again. The product: the
results document and the Parquet table as the results service writes them, and the table read by its own reader, every
array checked to be equal. Each way runs in a process of its own, in turns; of the product's rounds the median counts,
the plain way runs once. 468 and 92,820 windows of 13 steps of 3 columns with 13 steps of one target; figures without a
suffix are of 92,820 windows in chronological order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.offload_way import WAYS
from foretide.stack.ports import Ports
from foretide.stack.seaweedfs import SeaweedServer

_LARGE, _SMALL = 92_820, 468
_CASES = ((_LARGE, "chronological", ""), (_LARGE, "shuffled", "_shuffled"), (_SMALL, "chronological", f"_{_SMALL}"))

Measured = dict[str, dict[str, float]]


async def measure(way: str, windows: int, order: str, url: str) -> dict[str, float]:
    """One way in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.offload_way", way, str(windows), order, url),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{way} failed")
    found: dict[str, float] = json.loads(output)
    return found


async def compare(windows: int, order: str, url: str, rounds: int) -> Measured:
    """Every way's medians."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in WAYS:
            if turn == 0 or "plain" not in way:
                found[way].append(await measure(way, windows, order, url))
    return {
        way: {name: statistics.median(one[name] for one in ones) for name in ones[0]} for way, ones in found.items()
    }


def figures(found: Measured) -> dict[str, float]:
    """Ratios to the plain way."""
    plain = found["plain"]
    return {
        "store_speedup": round(plain["seconds"] / found["document"]["seconds"], 1),
        "columnar_speedup": round(plain["seconds"] / found["table"]["seconds"], 1),
        "read_speedup": round(found["read_plain"]["seconds"] / found["read_table"]["seconds"], 1),
        "size_ratio": round(found["document"]["bytes"] / plain["bytes"], 3),
        "columnar_size_ratio": round(found["table"]["bytes"] / plain["bytes"], 3),
        "peak_memory_growth_mb": round(max(found[way]["growth_mb"] for way in ("document", "table")), 1),
        "plain_peak_memory_growth_mb": round(plain["growth_mb"], 1),
        "document_mb": round(found["document"]["bytes"] / 1e6, 2),
        "plain_seconds": round(plain["seconds"], 2),
    }


async def run(rounds: int) -> dict[str, float]:
    """All cases on one server."""
    with tempfile.TemporaryDirectory(prefix="foretide-offload-benchmark-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        server = SeaweedServer(folder, Ports(folder / "ports.json"))
        await server.start()
        try:
            return {
                f"{key}{suffix}": value
                for windows, order, suffix in _CASES
                for key, value in figures(await compare(windows, order, server.url, rounds)).items()
            }
        finally:
            await server.stop()


def main() -> None:
    """Print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps({**asyncio.run(run(parser.parse_args().rounds))}))


if __name__ == "__main__":
    main()
