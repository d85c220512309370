"""A private ClamAV daemon that knows one signature, made here."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.waiting import until

MARKER = b"FORETIDE-TEST-INFECTION"
SIGNATURE = "Foretide.Test"
STREAM_LIMIT = 2 * 1024 * 1024


@dataclass(frozen=True)
class ClamAv:
    """Where it listens."""

    tcp: str
    unix: str


@asynccontextmanager
async def running_clamd(folder: Path) -> AsyncIterator[ClamAv]:
    """Skips the test where ClamAV is not installed; tests install nothing."""
    program = shutil.which("clamd")
    if program is None:
        pytest.skip("clamd is not installed (Debian: apt-get install clamav-daemon)")
    database, socket, port = folder / "signatures", folder / "clamd.sock", free_port()
    database.mkdir()
    (database / "test.ndb").write_text(f"{SIGNATURE}:0:*:{MARKER.hex()}\n")
    configuration = folder / "clamd.conf"
    configuration.write_text(
        f"Foreground yes\nDatabaseDirectory {database}\nLocalSocket {socket}\n"
        f"TCPSocket {port}\nTCPAddr 127.0.0.1\nStreamMaxLength {STREAM_LIMIT}\nAlertExceedsMax yes\n"
    )
    process = await asyncio.create_subprocess_exec(
        program,
        "--config-file",
        str(configuration),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: _listens(port), what="clamd listening")
        yield ClamAv(f"tcp://127.0.0.1:{port}", f"unix://{socket}")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
