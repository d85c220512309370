"""What the tests of tus say to the server, and what they look at."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import jwt
import numpy as np

from foretide.stack.servers import LocalServers
from shared.database.pool import Database
from shared.storage.local import LocalStore
from tests.files import files_below

PATH = "/api/training/tus/"
BODY = {"Content-Type": "application/offset+octet-stream"}
MEBIBYTE = 1024 * 1024


def series(size: int) -> bytes:
    """A readable CSV file of at least ``size`` bytes: a value every minute."""
    rows = size // 21 + 50
    times = np.datetime64("2000-01-01T00:00") + np.arange(rows) * np.timedelta64(1, "m")
    return ("time;load\n" + "".join(f"{time};{number % 97}.5\n" for number, time in enumerate(times))).encode()


def metadata(**values: str) -> str:
    """As ``Upload-Metadata`` has it."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def checksum(data: bytes, algorithm: str = "sha1") -> dict[str, str]:
    """The header that says what the body hashes to."""
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


async def begin(client: httpx.AsyncClient, size: int, **values: str) -> str:
    """Create an upload; its path."""
    headers = {"Upload-Length": str(size), "Upload-Metadata": metadata(**(values or {"filename": "load.csv"}))}
    answer = await client.post(PATH, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def append(client: httpx.AsyncClient, path: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    """Send bytes from this offset on."""
    return await client.patch(path, content=data, headers={**BODY, "Upload-Offset": str(offset), **headers})


async def offset_of(client: httpx.AsyncClient, path: str) -> int:
    """Where the server wants to be continued."""
    answer = await client.head(path)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])


async def stored_sha256(client: httpx.AsyncClient, path: str) -> str:
    """Make a session of the upload; the hash of its one file."""
    upload_id = path.rpartition("/")[2]
    created = await client.post("/api/training/create-database-session", json={"uploadId": upload_id})
    assert created.status_code == 201, created.text
    files = (await client.get(f"/api/training/sessions/{created.json()['sessionId']}/files")).json()["items"]
    assert len(files) == 1
    found: str = files[0]["sha256"]
    return found


def sha256(data: bytes) -> str:
    """In lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def staged(servers: LocalServers) -> set[Path]:
    """Every object in the staging bucket."""
    return files_below(servers.data_directory / "objects" / "upload-staging")


@dataclass
class SlowRequest:
    """A PATCH that is sent piece by piece over a connection of its own, and can be broken off."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def begin(cls, client: httpx.AsyncClient, path: str, offset: int, length: int, **headers: str) -> SlowRequest:
        """Send the head; ``length`` bytes are promised."""
        address = urlsplit(str(client.base_url))
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.transport.set_write_buffer_limits(0)  # what was drained has left this process
        lines = {
            "Host": address.netloc,
            "Authorization": client.headers["Authorization"],
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Length": str(length),
            **BODY,
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode())
        await writer.drain()
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        """Some of the body."""
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """Of the answer."""
        return int((await self.reader.readline()).split()[1])

    def break_off(self) -> None:
        """As a network that is gone: without a goodbye."""
        self.writer.transport.abort()


async def turn_of(database: Database, path: str) -> UUID:
    """Names the request that may write."""
    async with database.transaction() as transaction:
        turn: UUID = await transaction.fetch_value(
            "select turn from public.uploads where upload_id = $1", path.rpartition("/")[2]
        )
    return turn


async def has_reached(client: httpx.AsyncClient, path: str, offset: int) -> bool:
    return await offset_of(client, path) >= offset


def user_of(client: httpx.AsyncClient) -> UUID:
    token = client.headers["Authorization"].partition(" ")[2]
    return UUID(jwt.decode(token, options={"verify_signature": False})["sub"])


def store_of(servers: LocalServers) -> LocalStore:
    return LocalStore(servers.data_directory / "objects", public_url="http://test", signing_secret="s")
