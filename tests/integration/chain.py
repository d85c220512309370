"""A running stack, an outside consumer and a short session: what the tests of the whole chain share."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import numpy as np
import orjson
from aio_pika.abc import AbstractIncomingMessage

from foretide.client.http import Client
from foretide.local_stack import RunningStack
from shared.database.pool import Database
from tests.files import files_below
from tests.waiting import until

EXPECTED = Counter(
    {
        "session.created": 1,
        "file.uploaded": 2,
        "datasets.generated": 1,
        "training.started": 1,
        "model.trained": 2,
        "results.stored": 2,
        "training.completed": 1,
    }
)
"""What a session with two files and two models says, once each."""

FAST = {
    "FORETIDE_LEASE_SECONDS": "3",
    "FORETIDE_SWEEP_SECONDS": "1",
    "FORETIDE_RETRY_DELAYS_SECONDS": "1,2,5",
    "FORETIDE_REQUESTS_PER_MINUTE": "1000000",
    # Loading TensorFlow for jobs that never come would be most of what these tests compute.
    "FORETIDE_PRELOAD_MODELS": "false",
}


def write_series(folder: Path, *, hours: int = 24 * 20) -> list[Path]:
    """A load every half hour and a temperature every hour, with a daily cycle; seeded."""
    random = np.random.default_rng(7)
    start = np.datetime64("2024-01-01T00:00")
    load_times = start + np.arange(hours * 2) * np.timedelta64(30, "m")
    load = 50 + 20 * np.sin(np.arange(hours * 2) * np.pi / 24) + random.normal(0, 1, hours * 2)
    temperature_times = start + np.arange(hours) * np.timedelta64(60, "m")
    temperature = 10 + 5 * np.cos(np.arange(hours) * np.pi / 12) + random.normal(0, 0.5, hours)
    files = []
    for name, times, values in (("load", load_times, load), ("temperature", temperature_times, temperature)):
        path = folder / f"{name}.csv"
        rows = [f"{time}:00;{value:.3f}" for time, value in zip(times, values, strict=True)]
        path.write_text(f"time;{name}\n" + "\n".join(rows) + "\n", encoding="utf-8")
        files.append(path)
    return files


def configuration(*, epochs: int = 3) -> dict[str, Any]:
    """Next six hours of load from the last twelve, by two small models."""
    return {
        "series": [
            {"file": "load.csv", "role": "input", "horizon": {"start_hours": -12, "end_hours": 0}},
            {"file": "temperature.csv", "role": "input", "horizon": {"start_hours": -12, "end_hours": 0}},
            {"file": "load.csv", "role": "output", "horizon": {"start_hours": 0, "end_hours": 6}},
        ],
        "time_steps": {"input": 13, "output": 7, "step_minutes": 60},
        "models": [{"kind": "Linear"}, {"kind": "Dense", "layers": 1, "units": 8, "epochs": epochs}],
    }


@dataclass
class Outsider:
    """A consumer that knows the broker's URL and /asyncapi.json, nothing else of Foretide."""

    heard: list[dict[str, Any]] = field(default_factory=list)

    def of(self, session_id: str) -> list[dict[str, Any]]:
        """The session's events without redeliveries, in the order in which they were first heard."""
        distinct = {event["id"]: event for event in self.heard if event["subject"] == session_id}
        return list(distinct.values())

    def names(self, session_id: str) -> Counter[str]:
        """How often each type was said; types without prefix and version."""
        return Counter(event["type"].removeprefix("io.foretide.").rpartition(".")[0] for event in self.of(session_id))


@asynccontextmanager
async def outsider(stack: RunningStack) -> AsyncIterator[Outsider]:
    """Listen to everything on the events exchange that the AsyncAPI document names, through broker restarts."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        document = (await client.get(f"{stack.url}/asyncapi.json")).json()
    exchange = document["channels"]["trainingCompleted"]["bindings"]["amqp"]["exchange"]
    listener = Outsider()
    connection = await aio_pika.connect_robust(stack.bus_url, reconnect_interval=0.5)
    try:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=100)
        # A durable queue of its own, so that a broker restart loses nothing of what it was promised.
        queue = await channel.declare_queue("outsider", durable=True)
        await queue.bind(exchange["name"], "#")

        async def hear(message: AbstractIncomingMessage) -> None:
            async with message.process():
                listener.heard.append(orjson.loads(message.body))

        await queue.consume(hear)
        yield listener
    finally:
        await connection.close()


async def begin_session(client: Client, folder: Path, *, epochs: int = 3) -> str:
    """Upload, configure and start; the session's id. Each call is repeated while the service behind it restarts."""
    files = write_series(folder)
    upload_ids = [await client.upload(file) for file in files]
    session_id = await client.create_session(upload_ids, "chain")
    await client.configure(session_id, configuration(epochs=epochs))
    await client.generate_and_train(session_id)
    return session_id


async def completed(client: Client, session_id: str, *, seconds: float = 120) -> dict[str, Any]:
    """The session's status once it is completed. Fails at once when it failed."""

    async def ended() -> dict[str, Any] | None:
        status = await client.status(session_id)
        assert status["phase"] != "failed", status["problem"]
        return status if status["phase"] == "completed" else None

    found: dict[str, Any] = await until(ended, seconds=seconds, what="the session completed")
    return found


def kill(stack: RunningStack, part: str) -> int:
    """Kill -9 one service's process; its id."""
    process = stack.supervisor.process_ids[part]
    os.kill(process, signal.SIGKILL)
    return process


async def all_events(stack: RunningStack, listener: Outsider, session_id: str) -> None:
    """Wait for the last event, then check: once each, numbered without holes, in order."""
    await until(
        lambda: listener.names(session_id)["training.completed"] == 1, seconds=240, what="training.completed heard"
    )
    assert listener.names(session_id) == EXPECTED
    numbers = [int(event["sequence"]) for event in listener.of(session_id)]
    assert numbers == list(range(1, sum(EXPECTED.values()) + 1))


async def unreferenced_objects(stack: RunningStack) -> set[str]:
    """Objects in the folder store that no row names: orphans."""
    database = Database(stack.servers.database_url, pool_size=2)
    await database.open()
    try:
        async with database.transaction() as transaction:
            rows = await transaction.fetch(
                """select raw ->> 'bucket' || '/' || (raw ->> 'key') from training_files
                   union select canonical ->> 'bucket' || '/' || (canonical ->> 'key') from training_files
                   union select (e.value ->> 'bucket') || '/' || (e.value ->> 'key')
                         from training_datasets, jsonb_each(metadata -> 'references') e
                   union select (e.value ->> 'bucket') || '/' || (e.value ->> 'key')
                         from training_jobs, jsonb_each(artifacts) e where jsonb_typeof(artifacts) = 'object'
                   union select (e.value ->> 'bucket') || '/' || (e.value ->> 'key')
                         from training_results, jsonb_each(artifacts) e
                   union select (e.value ->> 'bucket') || '/' || (e.value ->> 'key')
                         from forecast_jobs, jsonb_each(outputs) e where jsonb_typeof(outputs) = 'object'"""
            )
    finally:
        await database.close()
    named = {row[0] for row in rows}
    root = stack.servers.data_directory / "objects"
    found = await asyncio.to_thread(
        lambda: {
            str(path.relative_to(root))
            for path in files_below(root)
            if not any(part.startswith(".") for part in path.relative_to(root).parts)
        }
    )
    return found - named


async def no_orphans(stack: RunningStack) -> None:
    """Wait until rows name every object: a worker's checkpoints go just after its model is there."""

    async def none() -> bool:
        return not await unreferenced_objects(stack)

    await until(none, seconds=60, what="no object that no row names")
