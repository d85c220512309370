"""The examples as whoever runs them sees them: with a broker URL and the published document alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
import pytest
from aiormq.exceptions import ChannelAccessRefused
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from foretide.stack.ports import Ports
from foretide.stack.rabbitmq import RabbitServer
from shared.bus import topology
from shared.bus.asyncapi import build_document
from shared.bus.port import OutgoingMessage
from shared.bus.rabbit import RabbitBus
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Envelope, event_type
from tests.contract.asgi_server import free_socket, serve
from tests.payloads import example
from tests.waiting import until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NODE = Path(sys.executable).parent / "node"
PROGRAMS = {
    "python": [sys.executable, "-I", str(EXAMPLES / "subscribe.py")],
    "javascript": [str(NODE), str(EXAMPLES / "subscribe.mjs")],
}
PASSWORD = "outside"


@dataclass(frozen=True, slots=True)
class World:
    """A broker, the document's address, and a broker user who has the rights that the page gives."""

    broker: RabbitServer
    bus: RabbitBus
    document: str
    url: str

    async def publish(self, *envelopes: Envelope) -> list[str]:
        """As the services do: again until confirmed. The ids."""
        messages = [
            OutgoingMessage(topology.EVENTS, envelope.name, str(envelope.id), envelope.to_bytes())
            for envelope in envelopes
        ]

        async def confirmed() -> bool:
            return set(await self.bus.publish(messages)) == {None}

        await until(confirmed, seconds=60, what="confirms")
        return [str(envelope.id) for envelope in envelopes]


def rights_of_the_page() -> tuple[dict[str, str], dict[str, str]]:
    """All that the user may do, and which events one may hear who may hear some only: the page's two commands."""
    page = (ROOT / "docs" / "subscribing.md").read_text(encoding="utf-8")
    all_events = re.search(r"set_permissions outsider '(\S+)' '(\S+)' '(\S+)'", page)
    some_events = re.search(r"set_topic_permissions outsider (\S+) '(\S+)' '(\S+)'", page)
    assert all_events
    assert some_events
    return (
        dict(zip(("configure", "write", "read"), all_events.groups(), strict=True)),
        dict(zip(("exchange", "write", "read"), some_events.groups(), strict=True)),
    )


async def make_users(broker: RabbitServer) -> None:
    """``outsider`` hears all events, ``guarded`` those that the page's example names."""
    rights, topics = rights_of_the_page()
    management = httpx.URL(broker.management_url)
    async with httpx.AsyncClient(
        base_url=f"http://{management.host}:{management.port}/api",
        auth=(management.username, management.password),
        trust_env=False,
    ) as client:
        for user in ("outsider", "guarded"):
            (await client.put(f"/users/{user}", json={"password": PASSWORD, "tags": ""})).raise_for_status()
            (await client.put(f"/permissions/%2F/{user}", json=rights)).raise_for_status()
        (await client.put("/topic-permissions/%2F/guarded", json=topics)).raise_for_status()


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("outside")
    broker = RabbitServer(folder, Ports(folder / "ports.json"))
    await broker.start()
    bus = RabbitBus(broker.url, name="inside", retry_delays=[1])
    await bus.start()
    page = Starlette(routes=[Route("/asyncapi.json", lambda _: JSONResponse(build_document()))])
    try:
        await until(bus.ready, what="everything declared")
        await make_users(broker)
        async with serve(page, free_socket()) as url:
            own = f"amqp://outsider:{PASSWORD}@127.0.0.1:{broker.port}/"
            yield World(broker, bus, f"{url}/asyncapi.json", own)
    finally:
        await bus.stop(grace_seconds=1)
        await broker.stop()


@pytest.fixture(params=list(PROGRAMS))
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def queue(program: str) -> str:
    """A new one for each test."""
    return f"outside.{program}.{uuid4().hex[:8]}"


def stored(*, ago: timedelta = timedelta(), name: str = "results.stored") -> Envelope:
    """An event that happened so long ago."""
    return Envelope(
        source="/foretide/results",
        type=event_type(name),
        subject="session",
        sequence="1",
        time=datetime.now(UTC) - ago,
        data=example(CATALOGUE[name].payload),
    )


@dataclass
class Told:
    """What an example printed and complained of."""

    events: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    @property
    def listens(self) -> int:
        """How often it said so."""
        return sum(line.startswith("Listening") for line in self.errors)


@asynccontextmanager
async def listening(world: World, program: str, queue: str, *arguments: str) -> AsyncIterator[Told]:
    """The example, once it listens. It is killed at the end: without a word, as by a power cut."""
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAMS[program], world.document, "--queue", queue, *arguments),
        cwd="/",
        env={**os.environ, "BROKER_URL": world.url, "no_proxy": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    told = Told()

    async def events(output: asyncio.StreamReader) -> None:
        async for line in output:
            told.events.append(json.loads(line))

    async def errors(output: asyncio.StreamReader) -> None:
        async for line in output:
            told.errors.append(line.decode().rstrip())

    reading = asyncio.gather(events(process.stdout), errors(process.stderr))
    try:
        await until(lambda: told.listens or reading.done(), what="the example listens")
        assert told.listens, told.errors
        yield told
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await reading
        await process.wait()


async def heard(told: Told, expected: list[str]) -> None:
    """Wait for the last one, then compare: in order, each once."""
    await until(lambda: expected[-1] in told.ids, what=f"the last of {len(expected)} events, told: {told.errors}")
    assert told.ids == expected


async def test_what_came_while_it_was_away_waits_and_everything_is_printed_once_as_the_document_says(
    world: World, program: str, queue: str
) -> None:
    async with listening(world, program, queue) as told:
        await heard(told, await world.publish(stored(), stored()))
    repeated = stored()
    away = await world.publish(stored(), repeated, repeated)
    async with listening(world, program, queue) as told:
        await heard(told, away[:2])
        after = await world.publish(repeated, stored(name="model.failed"), stored())
        await heard(told, [*away[:2], after[-1]])
    document = build_document()
    schema = Draft202012Validator(
        {**document["components"]["messages"]["resultsStored"]["payload"], "components": document["components"]}
    )
    for event in told.events:
        schema.validate(event)


async def test_the_last_week_is_replayed_in_order_and_then_goes_on_live_without_hole_or_repetition(
    world: World, program: str, queue: str
) -> None:
    begin = datetime.now(UTC) - timedelta(days=7)
    past = [stored(ago=timedelta(days=8)), *(stored(ago=timedelta(days=day)) for day in (6, 5, 1))]
    identifiers = await world.publish(stored(name="session.created"), *past, past[2])
    expected = identifiers[2:5]
    async with listening(world, program, queue, "--since", begin.isoformat()) as told:
        await until(lambda: expected[-1] in told.ids, what="the past")
        for _ in range(3):
            first, _, last = await world.publish(stored(), stored(name="model.failed"), stored())
            expected += [first, last]
            await until(lambda last=last: last in told.ids, what="the present")
    # The log has what other tests said, too.
    assert [identifier for identifier in told.ids if identifier in {*identifiers, *expected}] == expected
    assert len(told.ids) == len(set(told.ids))


async def test_a_restart_of_the_broker_loses_nothing_and_repeats_nothing(world: World) -> None:
    begin = datetime.now(UTC)
    past = await world.publish(stored(), stored())
    async with AsyncExitStack() as closing:

        async def start(program: str, *arguments: str) -> Told:
            queue = f"outside.restart.{uuid4().hex[:8]}"
            return await closing.enter_async_context(listening(world, program, queue, *arguments))

        fresh = [await start(program) for program in PROGRAMS]
        replaying = [await start(program, "--since", begin.isoformat()) for program in PROGRAMS]
        for told in replaying:
            await heard(told, past)
        await world.broker.stop()
        await world.broker.start()
        for told in (*fresh, *replaying):
            await until(lambda told=told: told.listens == 2, seconds=60, what="it listens again")
        present = await world.publish(stored(), stored(), stored())
        for told in fresh:
            await heard(told, present)
        for told in replaying:
            await heard(told, [*past, *present])


async def test_a_replay_meets_the_queue_in_which_events_waited_meanwhile(
    world: World, program: str, queue: str
) -> None:
    begin = datetime.now(UTC)
    async with listening(world, program, queue) as told:
        known = await world.publish(stored(), stored())
        await heard(told, known)
    waiting = await world.publish(stored(), stored())
    async with listening(world, program, queue, "--since", begin.isoformat()) as told:
        await heard(told, [*known, *waiting])
        live = await world.publish(stored())
        await heard(told, [*known, *waiting, *live])


async def test_a_queue_that_goes_further_back_than_what_is_asked_for_is_read_as_it_is(
    world: World, program: str, queue: str
) -> None:
    async with listening(world, program, queue):
        pass
    waiting = await world.publish(stored(ago=timedelta(hours=2)), stored(ago=timedelta(hours=1)))
    async with listening(world, program, queue, "--since", "5m") as told:
        await heard(told, waiting)


async def test_what_is_not_as_the_document_says_is_put_aside_and_holds_nothing_up(
    world: World, program: str, queue: str
) -> None:
    odd = stored()
    del odd.data["run_id"]
    async with listening(world, program, queue) as told:
        await world.publish(odd)
        await heard(told, await world.publish(stored()))
        assert any("put aside" in line for line in told.errors)
    async with await aio_pika.connect(world.url) as connection:
        channel = await connection.channel()
        aside = await (await channel.get_queue(f"{queue}.dead")).get(timeout=10)
        await aside.ack()
    assert json.loads(aside.body)["id"] == str(odd.id)


async def ended(world: World, program: str, *arguments: str) -> tuple[int | None, str]:
    """Exit status and what it said, of an example that cannot go on."""
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAMS[program], *arguments),
        env={**os.environ, "BROKER_URL": world.url, "no_proxy": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_what_cannot_work_ends_with_a_reason(world: World, program: str) -> None:
    status, said = await ended(world, program, "--help")
    assert status == 0
    assert {"--broker", "--event", "--queue", "--since"} <= set(re.findall(r"--\w+", said))
    status, said = await ended(world, program, world.document, "--event", "results.lost")
    assert status == 1
    assert "results.stored" in said
    status, said = await ended(world, program, world.document, "--broker", world.url.replace(PASSWORD, "wrong"))
    assert status == 1
    assert "The broker refuses" in said
    status, said = await ended(world, program, world.document, "--queue", "not.ours")
    assert status == 1
    assert "The broker refuses" in said


async def test_the_rights_of_the_page_are_enough_to_listen_and_for_nothing_else(world: World) -> None:
    await world.publish(stored())

    async def refused(attempt: Any, url: str = world.url) -> None:
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            with pytest.raises(ChannelAccessRefused):
                await attempt(channel)

    work = topology.SUBSCRIPTIONS[0].queue
    message = aio_pika.Message(b"{}")
    await refused(lambda channel: publish(channel, topology.COMMANDS, message))
    await refused(lambda channel: publish(channel, topology.EVENTS, message))
    await refused(lambda channel: channel.default_exchange.publish(message, work))
    await refused(lambda channel: channel.queue_delete(topology.LOG))
    await refused(lambda channel: take(channel, work))
    await refused(lambda channel: take(channel, topology.DEAD))
    guarded = world.url.replace("outsider", "guarded")
    await refused(lambda channel: bind(channel, "model.failed"), guarded)
    await refused(lambda channel: bind(channel, "#"), guarded)
    async with await aio_pika.connect(guarded) as connection:
        await bind(await connection.channel(), "results.stored")


async def publish(channel: aio_pika.abc.AbstractChannel, exchange: str, message: aio_pika.Message) -> None:
    target = await channel.get_exchange(exchange, ensure=False)
    await target.publish(message, "results.stored")


async def take(channel: aio_pika.abc.AbstractChannel, name: str) -> None:
    await (await channel.get_queue(name, ensure=False)).get(fail=False)


async def bind(channel: aio_pika.abc.AbstractChannel, routing_key: str) -> None:
    await (await channel.declare_queue("outside.guarded", durable=True)).bind(topology.EVENTS, routing_key)
