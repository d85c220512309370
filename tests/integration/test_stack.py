"""The private servers for real: they come back from kill -9 with their data, and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from foretide.stack import postgres_files
from foretide.stack.ports import Ports
from foretide.stack.seaweedfs import SeaweedServer
from foretide.stack.servers import LocalServers, delete_data
from shared.problems import Category, ProblemError
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.s3 import S3Store
from shared.storage.s3_location import parse_s3_url
from tests.processes import living, wait_until
from tests.waiting import until

pytestmark = pytest.mark.integration
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")

ELSEWHERE = "amqp://somebody:secret@broker.example/"
_OWNER = """
import asyncio, json, sys
from pathlib import Path
from foretide.stack.ports import Ports
from foretide.stack.seaweedfs import SeaweedServer
from foretide.stack.servers import LocalServers

async def main():
    async with LocalServers(Path(sys.argv[1])) as servers:
        processes = [process for group in servers.process_ids.values() for process in group]
        Path(sys.argv[1], "runs.new").write_text(json.dumps([servers.database_superuser_url, processes]))
        Path(sys.argv[1], "runs.new").rename(Path(sys.argv[1], "runs"))
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account of this machine reaches; pytest's own are private to the user."""
    folder = Path(tempfile.mkdtemp(prefix="foretide-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def _write(servers: LocalServers) -> None:
    database = await asyncpg.connect(servers.database_superuser_url)
    await database.execute("create table kept (word text)")
    await database.execute("insert into kept values ('written')")
    await database.close()
    async with await aio_pika.connect(servers.bus_url) as bus:
        channel = await bus.channel(publisher_confirms=True)
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"written", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept")
    # The broker notes a new quorum queue in its register only half a second later; one that is killed before
    # loses the queue, though not one message of a queue that is in it.
    register = next((servers.data_directory / "rabbitmq" / "mnesia").glob("*/quorum/*/names.dets"))
    await until(lambda: b"kept" in register.read_bytes(), what="the queue in the broker's register")
    store = await S3Store.open(parse_s3_url(servers.store_url))
    await store.put(TRAINING_RESULTS, "session/kept", b"written")
    await store.close()


async def _read(servers: LocalServers) -> list[bytes]:
    """What database, bus and store have kept; it stays there."""
    database = await asyncpg.connect(servers.database_superuser_url)
    word: str = await database.fetchval("select word from kept")
    await database.close()
    async with await aio_pika.connect(servers.bus_url) as bus:
        channel = await bus.channel()
        message = await (await channel.get_queue("kept")).get()
        assert message is not None
        await message.nack(requeue=True)
    store = await S3Store.open(parse_s3_url(servers.store_url))
    found = b"".join([chunk async for chunk in store.get(TRAINING_RESULTS, "session/kept")])
    await store.close()
    return [word.encode(), message.body, found]


async def test_servers_come_back_with_their_data_and_leave_no_process(open_folder: Path) -> None:
    directory = open_folder / "data"
    async with LocalServers(directory, store="s3") as servers:
        urls = (servers.bus_url, servers.database_url, servers.store_url, servers.management_url)
        secrets = (servers.jwt_secret, servers.signing_secret, servers.encryption_key, servers.local_user_id)
        await _write(servers)
        with pytest.raises(ProblemError, match=f"process {os.getpid()}") as refused:
            await LocalServers(directory).__aenter__()
        assert refused.value.problem.category is Category.CONFLICT
        assert await servers.restart_dead() == []

        killed = servers.process_ids
        assert killed.keys() == {"PostgreSQL", "RabbitMQ", "SeaweedFS"}
        restarted: set[str] = set()
        for processes in killed.values():
            os.kill(processes[0], signal.SIGKILL)

        async def all_restarted() -> bool:
            with suppress(ProblemError):  # what is left of a server is still ending
                restarted.update(await servers.restart_dead())
            return len(restarted) == 3

        await until(all_restarted, seconds=180, what="the three servers run again")
        assert await _read(servers) == [b"written"] * 3
        processes = [process for group in servers.process_ids.values() for process in group]
        assert len(processes) > 10

    assert living(processes) == []
    async with LocalServers(directory, store="s3") as servers:
        assert (servers.bus_url, servers.database_url, servers.store_url, servers.management_url) == urls
        again = (servers.jwt_secret, servers.signing_secret, servers.encryption_key, servers.local_user_id)
        assert again == secrets
        assert await _read(servers) == [b"written"] * 3


def test_two_stacks_run_side_by_side_and_a_killed_owner_takes_only_its_own_servers(
    open_folder: Path,
) -> None:
    folders = [open_folder / "one", open_folder / "two"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    owners = [subprocess.Popen([sys.executable, "-c", _OWNER, folder], env=environment) for folder in folders]
    try:
        for folder in folders:
            wait_until((folder / "runs").exists, f"{folder.name} runs", seconds=180)
        (_, first), (url, second) = (json.loads((folder / "runs").read_text()) for folder in folders)
        assert not set(first) & set(second)

        second = living(second)  # without those that were only there for a moment
        owners[0].kill()
        wait_until(lambda: not living(first), "the servers of the killed owner have ended", seconds=60)

        assert living(second) == second
        assert asyncio.run(_answers(url))
        owners[1].terminate()
        wait_until(lambda: not living(second), "the servers of the other owner have ended", seconds=60)
    finally:
        for owner in owners:
            owner.kill()
            owner.wait()


async def _answers(url: str) -> bool:
    database = await asyncpg.connect(url)
    answer: int = await database.fetchval("select 1")
    await database.close()
    return answer == 1


@as_root
@pytest.mark.parametrize("account", ["postgres", "nobody"])
async def test_root_has_a_database_also_when_everything_is_in_a_private_folder(
    account: str, open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a clone and an environment below root's own home, which no other account can enter."""
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    package = postgres_files.installed_package()
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, private / part.name, symlinks=True)
    monkeypatch.syspath_prepend(private)
    monkeypatch.setattr(postgres_files, "SHARED_FOLDER", open_folder / "shared")
    directory = private / "data"
    for expected in (["made"], ["made", "made"]):
        async with LocalServers(directory, bus_url=ELSEWHERE, accounts=[account]) as servers:
            database = await asyncpg.connect(servers.database_superuser_url)
            await database.execute("create table if not exists kept (word text)")
            await database.execute("insert into kept values ('made')")
            assert [row["word"] for row in await database.fetch("select word from kept")] == expected
            await database.close()

    clusters = list((open_folder / "shared").glob("*/cluster"))
    assert [cluster.owner() for cluster in clusters] == [account]
    await delete_data(directory)
    assert not directory.exists()
    assert not clusters[0].exists()


@as_root
async def test_a_database_follows_when_its_folder_becomes_private(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_files, "SHARED_FOLDER", open_folder / "shared")
    home = open_folder / "home"
    for mode in (0o755, 0o700, 0o755):
        home.mkdir(exist_ok=True)
        home.chmod(mode)
        async with LocalServers(home / "data", bus_url=ELSEWHERE) as servers:
            database = await asyncpg.connect(servers.database_superuser_url)
            await database.execute("create table if not exists kept (word text)")
            await database.execute("insert into kept values ('made')")
            rows = await database.fetchval("select count(*) from kept")
            await database.close()

    assert rows == 3


async def test_given_urls_are_used_and_nothing_is_started_for_them(tmp_path: Path) -> None:
    database, store = "postgresql://owner:secret@database.example/foretide", "s3://key:secret@store.example"
    given = LocalServers(tmp_path / "data", bus_url=ELSEWHERE, database_url=database, store_url=store)
    async with given as servers:
        assert (servers.bus_url, servers.database_superuser_url, servers.store_url) == (ELSEWHERE, database, store)
        assert servers.database_url == database
        assert servers.management_url is None
        assert servers.process_ids == {}


async def test_a_process_id_from_before_a_crash_of_the_machine_keeps_no_database_from_starting(
    open_folder: Path,
) -> None:
    directory = open_folder / "data"
    async with LocalServers(directory, bus_url=ELSEWHERE):
        pass
    stale = directory / "postgres" / "cluster" / "postmaster.pid"
    owner = stale.parent.stat()
    # A living process of the same account, as a process id that was given out anew would be.
    sleeper = subprocess.Popen(["/bin/sleep", "600"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        stale.write_text(f"{sleeper.pid}\n{stale.parent}\n1700000000\n5432\n\n127.0.0.1\n  0 0\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        async with LocalServers(directory, bus_url=ELSEWHERE) as servers:
            assert await _answers(servers.database_superuser_url)
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


async def test_a_server_that_cannot_start_says_why(open_folder: Path) -> None:
    directory = open_folder / "data"
    async with LocalServers(directory, bus_url=ELSEWHERE):
        pass
    (directory / "postgres" / "cluster" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(ProblemError, match="PostgreSQL did not start") as failure:
        await LocalServers(directory, bus_url=ELSEWHERE).__aenter__()

    assert "9.6" in failure.value.problem.detail
    # All was let go of: the next one is not refused for the directory's lock, but for the same reason.
    with pytest.raises(ProblemError, match="PostgreSQL did not start"):
        await LocalServers(directory, bus_url=ELSEWHERE).__aenter__()


async def test_a_server_whose_port_another_program_took_says_so_and_gets_another_one_next_time(
    tmp_path: Path,
) -> None:
    (tmp_path / "logs").mkdir()
    ports = Ports(tmp_path / "ports.json")
    server = _Impatient(tmp_path, ports)
    port = parse_s3_url(server.url).endpoint.rsplit(":", 1)[1]
    with socket.create_server(("127.0.0.1", int(port))):
        with pytest.raises(ProblemError, match="did not answer within 8 s, hindered by: is not available"):
            await server.start()
        ports.release()

        other = _Impatient(tmp_path, Ports(tmp_path / "ports.json"))
        assert other.url != server.url
        await other.start()
        await other.stop()


class _Impatient(SeaweedServer):
    """Waits for a port, as RabbitMQ and PostgreSQL do, which take longer for it."""

    start_seconds = 8.0
    passing_failures = ("is not available",)
