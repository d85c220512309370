"""From an event published to the last client's receipt, beside bare python-socketio emitting the same.

    python -m benchmarks.fanout [--clients 1000 5000]

Three shapes: all clients watch one session (``shared``: one event reaches them all), or each its own, with 500 events
a second (``each``), or with one for each at the same moment (``burst``: more than either can pass on; for
information). Latency is from when an event was due to when the last of its clients had it. Bare python-socketio emits
from its own process: it has no broker, no token, no order and no replay to look after. Ours gets each event through
RabbitMQ; ``broker`` is that way alone, to a consumer that does nothing. Rounds alternate between them; both serve over
uvicorn with the same settings, to the same program of clients.
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
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import httpx
import psutil
import uvloop

from benchmarks.fanout_broker import Broker
from benchmarks.fanout_publishers import Bare, Ours, Publisher
from foretide.stack.ports import Ports
from foretide.stack.servers import LocalServers
from shared.database.migrate import migrate
from shared.database.pool import Database
from shared.identity.issuer import issue_token

_SHAPES = {"shared": (40, 0.0), "each": (3, 0.002), "burst": (5, 0.0)}
"""Rounds, and seconds between the events of a round."""
_ROUND_SECONDS = 60.0
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves clients: ours or the bare one."""

    name: str
    url: str
    process_id: int

    def memory(self) -> int:
        """Bytes that it holds now."""
        return int(psutil.Process(self.process_id).memory_info().rss)

    def processor_seconds(self) -> float:
        """That it has used so far."""
        times = psutil.Process(self.process_id).cpu_times()
        return float(times.user + times.system)


class Clients:
    """The program of clients, connected to one server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def latencies(self, publisher: Publisher, sessions: Sequence[str], gap: float, receipts: int) -> list[float]:
        """Of each event, seconds until its last receipt."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"expect {receipts}\n".encode())
        await self._process.stdin.drain()
        await publisher.publish(sessions, gap)
        last: dict[float, float] = {}
        async with asyncio.timeout(_ROUND_SECONDS):
            answer = await self._process.stdout.readline()
        for sent, received in json.loads(answer):
            last[sent] = max(received, last.get(sent, 0.0))
        return [received - sent for sent, received in last.items()]


@asynccontextmanager
async def clients(url: str, token: str, sessions: list[str]) -> AsyncIterator[Clients]:
    """One client for each entry, connected and joined."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.fanout_clients", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024**3,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"token": token, "sessions": sessions}).encode() + b"\n")
        if (await process.stdout.readline()).strip() != b"connected":
            raise RuntimeError("the clients did not connect")
        yield Clients(process)
    finally:
        process.stdin.write(b"end\n")
        await process.wait()


@asynccontextmanager
async def serving(name: str, port: int, arguments: list[str], environment: dict[str, str]) -> AsyncIterator[Server]:
    """A server's process, ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            deadline = time.monotonic() + _READY_SECONDS
            while True:
                try:
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    if time.monotonic() > deadline:
                        raise
                await asyncio.sleep(0.1)
        yield Server(name, url, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def measure(
    count: int, servers: LocalServers, folder: Path, connection: aio_pika.abc.AbstractConnection
) -> dict[str, float]:
    """All figures of so many clients."""
    user_id = uuid4()
    # Events are published, not recorded: each shape has sessions of its own, whose numbers begin at one.
    shared, *sessions = [str(uuid4()) for _ in range(count + 1)]
    await _make_sessions(servers, user_id, [shared, *sessions])
    token = issue_token(servers.jwt_secret, user_id, lifetime=timedelta(hours=1))
    ports = Ports(folder / f"ports-{count}.json")
    ours_port, bare_port = ports.claim("ours"), ports.claim("bare")
    environment = {
        "FORETIDE_BUS_URL": servers.bus_url,
        "FORETIDE_DATABASE_URL": servers.database_url,
        "FORETIDE_STORE_URL": servers.store_url,
        "FORETIDE_SIGNING_SECRET": servers.signing_secret,
        "FORETIDE_JWT_SECRET": servers.jwt_secret,
        "FORETIDE_REQUESTS_PER_MINUTE": "10000000",
        "FORETIDE_LOG_LEVEL": "ERROR",
    }
    figures: dict[str, float] = {}
    channel = await connection.channel(publisher_confirms=False)
    broker = await Broker.open(connection)
    async with (
        serving("ours", ours_port, ["foretide", "serve", "notifier", "--port", str(ours_port)], environment) as ours,
        serving("bare", bare_port, ["benchmarks.fanout_bare", str(bare_port)], {}) as bare,
    ):
        pairs: list[tuple[Server, Publisher]] = [(ours, Ours(user_id, channel)), (bare, Bare(bare.url))]
        async with _both(pairs, token, [shared] * count) as connected:
            figures |= connected.memory
            figures |= await _shape("shared", [shared], connected, broker)
        async with _both(pairs, token, sessions) as connected:
            figures |= await _shape("each", sessions, connected, broker)
            figures |= await _shape("burst", sessions, connected, broker)
    return figures


@dataclass(frozen=True, slots=True)
class Connected:
    """Both servers with their clients; ``memory``: what a client takes of each, in KiB."""

    pairs: list[tuple[Server, Publisher, Clients]]
    count: int
    memory: dict[str, float]


@asynccontextmanager
async def _both(pairs: list[tuple[Server, Publisher]], token: str, wanted: list[str]) -> AsyncIterator[Connected]:
    """A client for each entry, at each server."""
    before = {server.name: server.memory() for server, _ in pairs}
    async with AsyncExitStack() as opened:
        made = [
            (server, publisher, await opened.enter_async_context(clients(server.url, token, wanted)))
            for server, publisher in pairs
        ]
        memory = {
            f"kib_per_client_{server.name}": (server.memory() - before[server.name]) / len(wanted) / 1024
            for server, _ in pairs
        }
        yield Connected(made, len(wanted), memory)


async def _shape(shape: str, events: Sequence[str], connected: Connected, broker: Broker) -> dict[str, float]:
    """Latencies of one shape, round by round at each server and the broker in turn; the first round warms up."""
    rounds, gap = _SHAPES[shape]
    found: dict[str, float] = {}
    latencies: dict[str, list[float]] = {server.name: [] for server, _, _ in connected.pairs}
    used = dict.fromkeys(latencies, 0.0)
    latencies["broker"] = []
    for number in range(rounds + 1):
        for server, publisher, its_clients in connected.pairs:
            before = server.processor_seconds()
            measured = await its_clients.latencies(publisher, events, gap, connected.count)
            if number:
                latencies[server.name] += measured
                used[server.name] += server.processor_seconds() - before
        through_broker = await broker.latencies(events, gap)
        if number:
            latencies["broker"] += through_broker
    for name, values in latencies.items():
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        found |= {
            f"p50_ms_{shape}_{name}": cuts[49] * 1e3,
            f"p99_ms_{shape}_{name}": cuts[98] * 1e3,
        }
    return found | {
        f"processor_us_per_message_{shape}_{name}": seconds / rounds / connected.count * 1e6
        for name, seconds in used.items()
    }


async def _make_sessions(servers: LocalServers, user_id: UUID, sessions: list[str]) -> None:
    database = Database(servers.database_url, pool_size=2)
    await database.open()
    async with database.transaction() as transaction:
        await transaction.execute_many(
            "insert into public.training_sessions (session_id, user_id, name) values ($1, $2, 'benchmark')",
            [(session_id, user_id) for session_id in sessions],
        )
    await database.close()


async def run(counts: list[int]) -> dict[str, Any]:
    """All figures, named as printed."""
    told: dict[str, Any] = {}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="foretide-fanout-") as name:
        folder = Path(name)
        async with LocalServers(folder) as servers:
            await migrate(servers.database_superuser_url, authenticator_password=servers.authenticator_password)
            async with await aio_pika.connect(servers.bus_url) as connection:
                for count in counts:
                    found = await measure(count, servers, folder, connection)
                    ratios = {shape: found[f"p99_ms_{shape}_ours"] / found[f"p99_ms_{shape}_bare"] for shape in _SHAPES}
                    told[f"p99_ratio_{count}"] = round(max(ratios["shared"], ratios["each"]), 2)
                    told |= {f"p99_ratio_{shape}_{count}": round(ratio, 2) for shape, ratio in ratios.items()}
                    told |= {f"{name}_{count}": round(value, 1) for name, value in found.items()}
    return {**told, "seconds": round(time.monotonic() - began, 1)}


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1000, 5000])
    print(json.dumps(uvloop.run(run(parser.parse_args().clients))))


if __name__ == "__main__":
    main()
