"""All private servers of one data directory: what ``foretide up`` and the integration tests run on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from foretide.stack.accounts import UNPRIVILEGED
from foretide.stack.directory_lock import DirectoryLock
from foretide.stack.folders import make_passable, make_private
from foretide.stack.ports import Ports
from foretide.stack.postgres import PostgresServer
from foretide.stack.postgres_files import delete_cluster
from foretide.stack.rabbitmq import RabbitServer
from foretide.stack.seaweedfs import SeaweedServer
from foretide.stack.secret_file import SecretFile
from foretide.stack.server import Server
from shared.telemetry.logs import logger

log = logger(__name__)

StoreKind = Literal["folder", "s3"]


class LocalServers:
    """An async context manager: inside it the servers run, after it no process of them is left.

    What is given as a URL is used as it is and not started. Ports, secrets and data stay in the data
    directory from one run to the next, and a lock on it keeps a second owner out. Everything but
    ``data_directory`` and ``log_directory`` is there only inside the context.
    """

    bus_url: str
    """AMQP URL for the services."""
    management_url: str | None
    """RabbitMQ's management page with user and password; ``None`` for a broker that is not ours."""
    database_superuser_url: str
    """The database owner's URL, for migrations: of ours the superuser's, else the one that was given."""
    store_url: str
    """``file://`` or ``s3://`` URL for the services."""
    secrets: SecretFile
    """More secrets can be asked from it: they are kept in the data directory as well."""

    def __init__(
        self,
        data_directory: Path,
        *,
        store: StoreKind = "folder",
        bus_url: str | None = None,
        database_url: str | None = None,
        store_url: str | None = None,
        accounts: Sequence[str] = UNPRIVILEGED,
    ) -> None:
        """``accounts``: as the first of these that exists root runs PostgreSQL, which refuses to be root."""
        self.data_directory = data_directory.absolute()
        self.log_directory = self.data_directory / "logs"
        self._store = store
        self._given_bus, self._given_database, self._given_store = bus_url, database_url, store_url
        self._accounts = accounts
        self._lock = DirectoryLock(self.data_directory)
        self._ports: Ports | None = None
        self._postgres: PostgresServer | None = None
        self._servers: dict[str, Server] = {}

    async def __aenter__(self) -> Self:
        """Start all in parallel. Raises :class:`~shared.problems.ProblemError`; nothing runs on then."""
        make_passable(self.data_directory)
        make_private(self.log_directory)
        await self._lock.acquire()
        try:
            self._settle()
            await self._start(list(self._servers))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all in parallel and let go of the data directory."""
        await self._end()

    @property
    def ports(self) -> Ports:
        """More ports can be claimed from it: they stay the same from run to run as well."""
        assert self._ports is not None
        return self._ports

    @property
    def jwt_secret(self) -> str:
        """Signs and verifies the tokens of this machine's users."""
        return self.secrets.token("jwt_secret")

    @property
    def signing_secret(self) -> str:
        """Signs download URLs of the folder store."""
        return self.secrets.token("signing_secret")

    @property
    def encryption_key(self) -> str:
        """Encrypts what users trust the services with."""
        return self.secrets.token("encryption_key")

    @property
    def authenticator_password(self) -> str:
        """The password of the services' login role in our own database; migrations set it."""
        return self.secrets.token("authenticator_password")

    @property
    def local_user_id(self) -> str:
        """The UUID of the one user of ``foretide up``."""
        return self.secrets.identifier("local_user_id")

    @property
    def database_url(self) -> str:
        """The URL for the services: of our own database as ``authenticator``, else the one that was given."""
        if self._postgres is None:
            return self.database_superuser_url
        return self._postgres.url_for("authenticator", self.authenticator_password)

    @property
    def process_ids(self) -> dict[str, list[int]]:
        """The processes of each server that was started."""
        return {name: server.process_ids for name, server in self._servers.items()}

    async def restart_dead(self) -> list[str]:
        """Start anew what has died, on the same ports with the same data; returns the names of those.

        To be called now and then by whoever supervises. Raises :class:`~shared.problems.ProblemError` when
        one does not come up again; calling once more tries once more.
        """
        dead = [name for name, server in self._servers.items() if not server.alive()]
        for name in dead:
            log.warning("server died: starting it again", server=name)
        await self._start(dead)
        return dead

    def _settle(self) -> None:
        """Decide what is ours and where it is."""
        directory, lock = self.data_directory, self._lock.descriptor
        self._ports = Ports(directory / "ports.json")
        self.secrets = SecretFile(directory / "secrets.json")
        self.management_url = None
        if self._given_bus is None:
            rabbitmq = RabbitServer(directory, self.ports, lock=lock)
            self._servers[rabbitmq.name] = rabbitmq
            self.bus_url, self.management_url = rabbitmq.url, rabbitmq.management_url
        else:
            self.bus_url = self._given_bus
        if self._given_database is None:
            self._postgres = PostgresServer(directory, self.ports, lock=lock, accounts=self._accounts)
            self._servers[self._postgres.name] = self._postgres
            self.database_superuser_url = self._postgres.url
        else:
            self.database_superuser_url = self._given_database
        self.store_url = self._given_store or self._own_store(lock)

    def _own_store(self, lock: int) -> str:
        if self._store == "folder":
            objects = self.data_directory / "objects"
            make_private(objects)
            return objects.as_uri()
        seaweedfs = SeaweedServer(self.data_directory, self.ports, lock=lock)
        self._servers[seaweedfs.name] = seaweedfs
        return seaweedfs.url

    async def _start(self, names: Sequence[str]) -> None:
        """All to their end, so that none is left half started; then the first problem, if any."""
        starts = [self._servers[name].start() for name in names]
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _end(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers.values()))
        self._servers.clear()
        self._postgres = None
        if self._ports is not None:
            self._ports.release()
            self._ports = None
        self._lock.release()


async def delete_data(data_directory: Path) -> None:
    """Delete a data directory and whatever of it had to be put elsewhere.

    Raises :class:`~shared.problems.ProblemError` while somebody uses it.
    """
    if not await asyncio.to_thread(data_directory.exists):
        return
    lock = DirectoryLock(data_directory)
    await lock.acquire()
    try:
        await asyncio.to_thread(delete_cluster, data_directory / "postgres")
        await asyncio.to_thread(shutil.rmtree, data_directory)
    finally:
        lock.release()
