"""A private RabbitMQ: the installed program with a node, epmd, cookie, directories and ports of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from foretide.stack.child import Command, LeashedChild
from foretide.stack.folders import make_private
from foretide.stack.ports import Ports
from foretide.stack.secret_file import SecretFile
from foretide.stack.server import Server, environment_without
from foretide.whole_file import write_whole
from shared.problems import Category, ProblemError

_USER = "foretide"
_PROGRAMS = (
    # Debian's wrapper in /usr/sbin changes the user and refuses others; this is the program behind it.
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)
_PLUGINS = "[rabbitmq_management,rabbitmq_stream].\n"
_ERLANG_OPTIONS = (
    "-kernel inet_dist_use_interface {127,0,0,1} "
    # Two schedulers that do not spin: an idle broker costs no processor time.
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
)
_AMQP_OF_NO_VERSION = b"AMQP\x00\x00\x09\x01"
_START_METHOD = b"\x01"


class RabbitServer(Server):
    """RabbitMQ of one data directory."""

    name = "RabbitMQ"
    category = Category.BUS_UNAVAILABLE
    passing_failures: ClassVar[Sequence[str]] = (
        "dist_port_already_used",
        "eaddrinuse",
        "Address already in use",
        "already running",
    )

    def __init__(self, data_directory: Path, ports: Ports, *, lock: int | None = None) -> None:
        """``lock`` is a file descriptor that the server keeps open."""
        self._claims = ports
        self.port = ports.claim("rabbitmq")
        self._management_port = ports.claim("rabbitmq.management")
        self._stream_port = ports.claim("rabbitmq.stream")
        self._distribution_port = ports.claim("rabbitmq.distribution")
        self._epmd_port = ports.claim("rabbitmq.epmd")
        self._folder = data_directory / "rabbitmq"
        make_private(self._folder)
        self._secrets = SecretFile(self._folder / "secrets.json")
        self._password = self._secrets.token("password")
        logs = data_directory / "logs"
        self._epmd = LeashedChild(logs / "epmd.log", stop_signal=signal.SIGTERM, grace_seconds=2.0, lock=lock)
        self._broker = LeashedChild(logs / "rabbitmq.log", stop_signal=signal.SIGTERM, grace_seconds=20.0, lock=lock)

    @property
    def url(self) -> str:
        """AMQP."""
        return f"amqp://{_USER}:{self._password}@127.0.0.1:{self.port}/"

    @property
    def management_url(self) -> str:
        """The management page and interface, with user and password."""
        return f"http://{_USER}:{self._password}@127.0.0.1:{self._management_port}"

    def _prepare(self) -> None:
        cookie = self._folder / ".erlang.cookie"
        if not cookie.exists():
            write_whole(cookie, self._secrets.token("cookie"), mode=0o400)
        write_whole(self._folder / "enabled_plugins", _PLUGINS)
        write_whole(self._folder / "rabbitmq.conf", self._configuration(), mode=0o600)

    def _parts(self) -> Sequence[tuple[LeashedChild, Command]]:
        environment = self._environment()
        epmd: list[str | Path] = [_epmd_program(), "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        return [
            (self._epmd, Command(epmd, environment, self._folder)),
            (self._broker, Command([broker_program()], environment, self._folder)),
        ]

    async def _answers(self) -> bool:
        """Offer the protocol and see whether the broker opens the conversation."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(_AMQP_OF_NO_VERSION)
            return await reader.readexactly(1) == _START_METHOD
        finally:
            writer.close()

    def _configuration(self) -> str:
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self._management_port,
            "stream.listeners.tcp.1": f"127.0.0.1:{self._stream_port}",
            "default_user": _USER,
            "default_pass": self._password,
            "vm_memory_high_watermark.absolute": "1GiB",
            "disk_free_limit.absolute": "200MB",
            # Services acknowledge at once and do long work outside of the message: no delivery may time out.
            "consumer_timeout": 86_400_000,
            "log.console": "true",
            "log.file": "false",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            **environment_without("RABBITMQ_", "ERL_", "ERLANG_"),
            "HOME": str(folder),
            # Makes its script become the broker instead of waiting for it: our child is the broker itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": "foretide@localhost",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_PID_FILE": str(folder / "process"),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_OPTIONS,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


def broker_program() -> Path:
    home = os.environ.get("RABBITMQ_HOME")
    candidates = [Path(home, "sbin/rabbitmq-server"), Path(home, "bin/rabbitmq-server")] if home else []
    for program in [*candidates, *map(Path, _PROGRAMS)]:
        if program.exists():
            return program
    raise _not_installed("rabbitmq-server was not found on this machine.")


def _epmd_program() -> Path:
    program = shutil.which("epmd")
    if program is None:
        raise _not_installed("Erlang's epmd, which RabbitMQ needs, was not found on this machine.")
    return Path(program)


def _not_installed(detail: str) -> ProblemError:
    return ProblemError(
        Category.BUS_UNAVAILABLE,
        title="RabbitMQ is not installed",
        detail=detail,
        recovery=[
            "Run: make setup",
            "Or on Debian and Ubuntu: apt-get install rabbitmq-server",
            "Or on macOS: brew install rabbitmq",
            "Or set FORETIDE_BUS_URL to a broker that runs elsewhere.",
        ],
    )
