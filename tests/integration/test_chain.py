"""The whole chain as its users and its killers see it: upload to stored results on real servers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from foretide.client.http import Client
from foretide.client.watch import Message, watch
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.ports import Ports
from foretide.stack.rabbitmq import RabbitServer
from foretide.stack.seaweedfs import SeaweedServer
from foretide.stack.servers import delete_data
from shared.database.pool import Database
from shared.problems import Category, ProblemError
from tests.files import files_below
from tests.integration.chain import (
    EXPECTED,
    FAST,
    Outsider,
    all_events,
    begin_session,
    completed,
    kill,
    no_orphans,
    outsider,
)
from tests.javascript import script
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    folder = tmp_path_factory.mktemp("chain")
    async with local_stack(folder, port=free_port(), settings=FAST) as running:
        yield running
    await delete_data(folder)


@pytest.fixture(scope="module")
async def listener(stack: RunningStack) -> AsyncIterator[Outsider]:
    async with outsider(stack) as heard:
        yield heard


@pytest.fixture
async def client(stack: RunningStack) -> AsyncIterator[Client]:
    async with Client(stack.url, stack.token) as made:
        yield made


async def test_f35_upload_to_stored_results_without_any_client_watching(
    stack: RunningStack, listener: Outsider, client: Client, tmp_path: Path
) -> None:
    session_id = await begin_session(client, tmp_path)
    await completed(client, session_id)
    await all_events(stack, listener, session_id)
    results = await client.results(session_id)
    assert [entry["status"] for entry in results["results"]] == ["completed", "completed"]
    assert results["bestModel"]["model"] in ("Linear", "Dense")
    assert results["comparison"][0]["targets"]["load"]["rmse"] > 0
    await no_orphans(stack)
    assert await compared(stack) == {"consistent": True, "recent": {}, "foreign": {}, "unrelated": False}


async def compared(stack: RunningStack) -> dict[str, Any]:
    """What ``foretide storage reconcile`` says beside a running stack."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "foretide", "storage", "reconcile", "--dry-run", "--grace", "0", "--json"),
        *("--data", str(stack.servers.data_directory)),
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    told = json.loads(answer)
    return {name: told[name] for name in ("consistent", "recent", "foreign", "unrelated")}


async def test_f29_deleting_a_session_in_training_leaves_nothing_of_it_from_when_it_is_said(
    stack: RunningStack, listener: Outsider, client: Client, tmp_path: Path
) -> None:
    session_id = await begin_session(client, tmp_path, epochs=200)
    await until(lambda: listener.names(session_id)["training.started"], seconds=240, what="training started")
    path = f"/api/training/sessions/{session_id}"
    async with watch(stack.url, stack.token, session_id) as messages:
        await client.call("DELETE", path)
        while (await asyncio.wait_for(messages.get(), 240)).event != "session_purged":
            pass
    assert (await client.call("GET", f"{path}/deletion"))["status"] == "deleted"
    root = stack.servers.data_directory / "objects"
    assert not [path for path in files_below(root) if session_id in str(path)]
    database = Database(stack.servers.database_url, pool_size=2)
    await database.open()
    async with database.transaction() as transaction:
        rows = await transaction.fetch_value(
            """select (select count(*) from training_sessions where session_id = $1)
                   + (select count(*) from training_jobs where session_id = $1)
                   + (select count(*) from session_events where session_id = $1)""",
            session_id,
        )
    await database.close()
    assert rows == 0
    await no_orphans(stack)
    await until(lambda: listener.names(session_id)["session.purged"] == 1, what="session.purged heard")


async def test_a_session_that_is_not_there_cannot_be_watched(stack: RunningStack) -> None:
    with pytest.raises(ProblemError) as raised:
        async with watch(stack.url, stack.token, str(uuid4())):
            pass

    assert raised.value.problem.category is Category.NOT_FOUND


async def test_a_watcher_sees_progress_and_every_numbered_message_once(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    session_id = await begin_session(client, tmp_path, epochs=8)
    seen: list[Message] = []
    async with watch(stack.url, stack.token, session_id) as messages:
        while not seen or seen[-1].event != "training_complete":
            seen.append(await asyncio.wait_for(messages.get(), 240))
    numbers = [message.sequence for message in seen if message.sequence is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {"training_progress", "model_complete", "results_stored"} <= {message.event for message in seen}


async def followed(stack: RunningStack, session_id: str, **how: Any) -> AsyncIterator[dict[str, Any]]:
    """What the official client prints while it follows a session to its end."""
    script_of = script(
        "follow.mjs", stack.url, session_id, json.dumps(how), environment={"FORETIDE_TOKEN": stack.token}
    )
    async with asyncio.timeout(240), script_of as lines:
        async for line in lines:
            yield line


def numbers_of(heard: list[dict[str, Any]]) -> list[int]:
    """The numbers of all numbered messages, as they came."""
    return [number for line in heard if line["event"] != "joined" and (number := line["data"].get("sequence"))]


ALL_NUMBERS = list(range(1, sum(EXPECTED.values()) + 1))


async def test_f79_the_official_client_has_no_hole_no_repetition_no_disorder_after_ten_seconds_away(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    session_id = await begin_session(client, tmp_path, epochs=8)
    heard = [line async for line in followed(stack, session_id, cutAfter=4, awayMilliseconds=10_000)]
    events = [line["event"] for line in heard]
    assert all(line["data"]["ok"] for line in heard if line["event"] == "joined")
    assert (events.count("joined"), events.count("connect_error")) == (2, 0)
    assert numbers_of(heard) == ALL_NUMBERS
    assert {"file_uploaded", "model_complete", "results_stored"} <= set(events)
    assert heard[-2]["event"] == "training_complete"
    assert heard[-2]["transport"] == "websocket"


async def test_f79_nor_when_the_notifier_is_killed_and_restarted_in_the_middle(
    stack: RunningStack, client: Client, tmp_path: Path
) -> None:
    session_id = await begin_session(client, tmp_path, epochs=8)
    heard: list[dict[str, Any]] = []
    killed = None
    async for line in followed(stack, session_id):
        heard.append(line)
        if killed is None and line["data"].get("sequence") == 4:
            killed = kill(stack, "notifier")
    events = [line["event"] for line in heard]
    assert killed is not None
    assert stack.supervisor.process_ids["notifier"] != killed
    assert events.count("joined") >= 2
    assert numbers_of(heard) == ALL_NUMBERS
    assert {"training_progress", "training_complete"} <= set(events)
    percents: dict[str, float] = {}
    for line in heard:
        if line["event"] == "training_progress":
            for what, percent in ((line["data"]["job_id"], "progress"), ("run", "run_progress")):
                assert line["data"][percent] >= percents.get(what, 0.0)
                percents[what] = line["data"][percent]


@pytest.mark.parametrize(
    ("moment", "parts"),
    [
        ("generating", ["gateway", "upload", "dataset-api", "dataset-worker"]),
        ("training", ["trainer-api", "trainer-worker", "results", "notifier"]),
    ],
)
async def test_f27_f28_a_session_completes_although_every_service_is_killed_once(
    stack: RunningStack, listener: Outsider, client: Client, tmp_path: Path, moment: str, parts: list[str]
) -> None:
    session_id = await begin_session(client, tmp_path, epochs=20)
    if moment == "training":
        await until(lambda: listener.names(session_id)["training.started"], seconds=240, what="training started")
    for part in parts:
        killed = kill(stack, part)
        await until(lambda p=part, k=killed: stack.supervisor.process_ids.get(p, k) != k, what=f"{part} started again")
    await completed(client, session_id)
    await all_events(stack, listener, session_id)
    await no_orphans(stack)


@dataclass(frozen=True, slots=True)
class External:
    """A stack on servers that are not its own, and what the tests need of them."""

    broker: RabbitServer
    store: SeaweedServer
    stack: RunningStack
    listener: Outsider
    client: Client


@pytest.fixture(scope="module")
async def external(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[External]:
    folder, data = tmp_path_factory.mktemp("external"), tmp_path_factory.mktemp("outage")
    ports = Ports(folder / "ports.json")
    broker, store = RabbitServer(folder, ports), SeaweedServer(folder, ports)
    await asyncio.gather(broker.start(), store.start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FORETIDE_BUS_URL", broker.url)
        environment.setenv("FORETIDE_STORE_URL", store.url)
        try:
            async with (
                local_stack(data, port=free_port(), settings=FAST) as stack,
                outsider(stack) as listener,
                Client(stack.url, stack.token) as client,
            ):
                yield External(broker, store, stack, listener, client)
        finally:
            await asyncio.gather(broker.stop(), store.stop())
            await delete_data(data)


async def test_a_session_completes_although_an_external_broker_is_stopped_for_20_seconds(
    external: External, tmp_path: Path
) -> None:
    assert external.stack.bus_url == external.broker.url
    session_id = await begin_session(external.client, tmp_path, epochs=60)
    listener = external.listener
    await until(lambda: listener.names(session_id)["training.started"], seconds=240, what="training started")
    await external.broker.stop()
    # The one wait that is the test itself: the outage.
    await asyncio.sleep(20)
    await external.broker.start()
    await completed(external.client, session_id, seconds=240)
    await all_events(external.stack, listener, session_id)


async def test_f23_no_success_is_said_while_the_store_is_away_and_the_run_completes_when_it_is_back(
    external: External, tmp_path: Path
) -> None:
    session_id = await begin_session(external.client, tmp_path, epochs=60)
    listener = external.listener
    await until(lambda: listener.names(session_id)["training.started"], seconds=240, what="training started")
    await external.store.stop()
    # The one wait that is the test itself: the outage.
    await asyncio.sleep(10)
    assert (await external.client.status(session_id))["phase"] == "training"
    assert not {"training.completed", "training.failed"} & set(listener.names(session_id))
    await external.store.start()
    await completed(external.client, session_id, seconds=240)
    await all_events(external.stack, listener, session_id)
