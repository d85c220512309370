"""Uploading and reading a large CSV file, beside the least that could do either.

    python -m benchmarks.upload [--megabytes 500]

Throughput: chunks of 1 MB over four connections on loopback, to the upload service (its own database, broker and
folder store) and to a bare Starlette endpoint that writes the same chunks to the same disk; one process each, rounds
alternate. The service's memory is that of its process, from before the first chunk to after the file was put together.
Reading: analysis and canonical copy, beside ``pandas.read_csv``, each in a fresh process. Ratios are of medians.
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
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import numpy as np
import polars as pl
import psutil
import uvloop

from foretide.stack.ports import is_free
from foretide.stack.servers import LocalServers
from shared.database.migrate import migrate
from shared.identity.issuer import issue_token
from shared.telemetry.logs import configure_logging

_MEGABYTE = 1024 * 1024
_CONNECTIONS = 4
_ROUNDS = 3
_ROW_BYTES = 62
_SERIES = 6


@dataclass(frozen=True)
class Endpoint:
    """A running process that takes chunks."""

    url: str
    process: psutil.Process
    token: str = ""

    async def send(self, path: Path, *, whole: bool) -> float:
        """Send the file's chunks; seconds until the last answer. Unless ``whole``, one more is announced than comes."""
        size, more = path.stat().st_size, int(not whole)
        chunks = -(-size // _MEGABYTE)
        numbers = iter(range(chunks))
        announced = {"fileName": path.name, "size": size + more, "totalChunks": chunks + more}
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(f"{self.url}/api/training/", connector=connector, headers=headers) as session:
            async with session.post("uploads", json=announced) as answer:
                upload_id = (await answer.json())["uploadId"]

            async def connection() -> None:
                with path.open("rb") as file:
                    for number in numbers:
                        file.seek(number * _MEGABYTE)
                        form = aiohttp.FormData({"uploadId": upload_id, "chunkIndex": str(number)})
                        form.add_field("totalChunks", str(chunks + more))
                        form.add_field("fileName", path.name)
                        form.add_field("chunk", file.read(_MEGABYTE), filename="chunk")
                        async with session.post("upload-chunk", data=form) as answer:
                            if answer.status != 200:
                                raise RuntimeError(await answer.text())

            began = time.perf_counter()
            await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))
            return time.perf_counter() - began

    def memory(self) -> float:
        """Mebibytes that the process holds in memory now."""
        return float(self.process.memory_info().rss) / _MEGABYTE


@asynccontextmanager
async def running(arguments: list[str], port: int, environment: dict[str, str], token: str) -> AsyncIterator[Endpoint]:
    """A process that serves this port, once it answers; it is ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, f"{url}/healthz"):
                if process.returncode is not None:
                    raise RuntimeError(f"{arguments[0]} ended with {process.returncode}")
                await asyncio.sleep(0.1)
        yield Endpoint(url, psutil.Process(process.pid), token)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def endpoints(folder: Path) -> AsyncIterator[tuple[Endpoint, Endpoint]]:
    """The upload service and the bare endpoint, on one disk."""
    ports = (port for port in range(21_000, 32_000) if is_free(port))
    bare_folder = folder / "bare"
    bare_folder.mkdir()
    async with LocalServers(folder / "servers") as servers:
        await migrate(servers.database_superuser_url, authenticator_password=servers.authenticator_password)
        environment = {
            "FORETIDE_BUS_URL": servers.bus_url,
            "FORETIDE_DATABASE_URL": servers.database_url,
            "FORETIDE_STORE_URL": servers.store_url,
            "FORETIDE_SIGNING_SECRET": servers.signing_secret,
            "FORETIDE_JWT_SECRET": servers.jwt_secret,
            "FORETIDE_MAX_FILE_BYTES": str(10 * 1024 * _MEGABYTE),
            "FORETIDE_LOG_LEVEL": "WARNING",
        }
        token = issue_token(servers.jwt_secret, uuid4(), lifetime=timedelta(hours=1))
        port, bare_port = next(ports), next(ports)
        serve = ["foretide", "serve", "upload", "--port", str(port)]
        bare = ["benchmarks.upload_bare", str(bare_folder), str(bare_port)]
        async with running(serve, port, environment, token) as ours, running(bare, bare_port, {}, "") as theirs:
            yield ours, theirs


async def throughput(path: Path, folder: Path) -> dict[str, float]:
    """Megabytes per second of both, and the service's growth."""
    megabytes = path.stat().st_size / _MEGABYTE
    async with endpoints(folder) as (service, bare):
        small = path.with_name("small.csv")
        small.write_bytes(path.read_bytes()[: 8 * _MEGABYTE])
        for endpoint in (service, bare):
            await endpoint.send(small, whole=False)
        before = service.memory()
        watching = asyncio.create_task(_highest(service))
        ours, theirs = [], []
        for _ in range(_ROUNDS):
            theirs.append(megabytes / await bare.send(path, whole=False))
            ours.append(megabytes / await service.send(path, whole=False))
        await service.send(path, whole=True)
        watching.cancel()
        highest = (await asyncio.gather(watching))[0]
    return {
        "throughput_ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
        "memory_growth_mb": round(highest - before, 1),
        "megabytes_per_second": round(statistics.median(ours), 1),
        "bare_megabytes_per_second": round(statistics.median(theirs), 1),
    }


async def _highest(endpoint: Endpoint) -> float:
    highest = endpoint.memory()
    try:
        while True:
            await asyncio.sleep(0.05)
            highest = max(highest, endpoint.memory())
    except asyncio.CancelledError:
        return highest


async def reading(path: Path) -> dict[str, float]:
    """What reading the file takes, beside pandas."""
    taken: dict[str, list[dict[str, float]]] = {"foretide": [], "pandas": []}
    for _ in range(_ROUNDS):
        for reader, results in taken.items():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.upload_reading", reader, str(path), stdout=asyncio.subprocess.PIPE
            )
            output, _errors = await process.communicate()
            if process.returncode:
                raise RuntimeError(f"reading by {reader} failed")
            results.append(json.loads(output))
    middle = {
        (reader, name): statistics.median(result[name] for result in results)
        for reader, results in taken.items()
        for name in ("seconds", "peak_mb")
    }
    return {
        "analysis_time_ratio": round(middle["foretide", "seconds"] / middle["pandas", "seconds"], 3),
        "analysis_memory_ratio": round(middle["foretide", "peak_mb"] / middle["pandas", "peak_mb"], 3),
        "analysis_seconds": round(middle["foretide", "seconds"], 2),
        "pandas_seconds": round(middle["pandas", "seconds"], 2),
        "analysis_peak_mb": round(middle["foretide", "peak_mb"]),
        "pandas_peak_mb": round(middle["pandas", "peak_mb"]),
    }


def write_series(path: Path, megabytes: int) -> None:
    """A minute's readings of several series, with a daily cycle; seeded."""
    rows = megabytes * _MEGABYTE // _ROW_BYTES
    random, hours = np.random.default_rng(0), np.arange(rows) / 60
    start = np.datetime64("2000-01-01T00:00:00", "ms")
    times = pl.Series("time", start + np.arange(rows) * np.timedelta64(60_000, "ms"))
    series = {
        f"zone {number}": np.round(50 + 20 * np.sin(hours * np.pi / 12 + number) + random.normal(0, 5, rows), 3)
        for number in range(_SERIES)
    }
    pl.DataFrame([times.dt.strftime("%Y-%m-%d %H:%M:%S"), *(pl.Series(n, v) for n, v in series.items())]).write_csv(
        path
    )


async def run(megabytes: int) -> dict[str, float]:
    """Both halves; the figures."""
    with tempfile.TemporaryDirectory(prefix="foretide-benchmark-") as folder:
        path = Path(folder, "series.csv")
        write_series(path, megabytes)
        figures = {**await reading(path), **await throughput(path, Path(folder))}
        return {**figures, "megabytes": round(path.stat().st_size / _MEGABYTE)}


def main() -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file")
    arguments = parser.parse_args()
    configure_logging("benchmark", level="WARNING", log_format="text")
    print(json.dumps(uvloop.run(run(arguments.megabytes))))


if __name__ == "__main__":
    main()
