"""Virus scans by a ``clamd`` elsewhere, over its INSTREAM command (https://docs.clamav.net/manual/Usage/Scanning.html)."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from pathlib import Path
from urllib.parse import urlsplit

import aiofiles

from shared.problems import Category, ProblemError

_BLOCK = 1024 * 1024
_WAIT_SECONDS = 30.0
_SCAN_SECONDS = 600.0
_LONGEST_ANSWER = 4096


class VirusScanner:
    """A ``clamd`` at ``tcp://host:port`` or ``unix:///path``."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    async def refuse_infected(self, path: Path, file_name: str) -> None:
        """Have one file scanned.

        Raises DATA_VALIDATION for an infected file and for one that is larger than the scanner takes, and a
        retryable problem when the scanner is away or cannot tell.
        """
        try:
            answer = await self._answer(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _away(f"it did not answer ({type(error).__name__})") from error
        if answer.endswith(" FOUND"):
            raise _infected(file_name, answer.removeprefix("stream: ").removesuffix(" FOUND"))
        if "size limit exceeded" in answer:
            raise _too_large(file_name)
        if answer != "stream: OK":
            raise _away(f"it answered {answer!r}")

    async def _answer(self, path: Path) -> str:
        async with asyncio.timeout(_SCAN_SECONDS):
            async with asyncio.timeout(_WAIT_SECONDS):
                reader, writer = await self._connect()
            # At the same time: it may answer, and stop listening, before it has heard everything.
            sending = asyncio.create_task(_send(path, writer))
            reading = asyncio.create_task(reader.readuntil(b"\0"))
            try:
                done, _ = await asyncio.wait((sending, reading), return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                return reading.result()[:-1].decode(errors="replace")
            finally:
                sending.cancel()
                reading.cancel()
                writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._url.scheme == "unix":
            return await asyncio.open_unix_connection(self._url.path, limit=_LONGEST_ANSWER)
        return await asyncio.open_connection(self._url.hostname, self._url.port, limit=_LONGEST_ANSWER)


async def _send(path: Path, writer: asyncio.StreamWriter) -> None:
    """Send all of it, or as much as is wanted."""
    with contextlib.suppress(ConnectionError):
        writer.write(b"zINSTREAM\0")
        async with aiofiles.open(path, "rb") as file:
            while block := await file.read(_BLOCK):
                writer.write(struct.pack("!L", len(block)) + block)
                async with asyncio.timeout(_WAIT_SECONDS):
                    await writer.drain()
        writer.write(struct.pack("!L", 0))
        await writer.drain()


def _infected(file_name: str, signature: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The file is infected",
        detail=f"{file_name!r}: the virus scanner found {signature!r} in it. Nothing of the file was kept.",
        recovery=["Scan the machine that the file comes from.", "Export the data anew and upload that file."],
        technical_details={"file_name": file_name, "signature": signature},
    )


def _too_large(file_name: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The file is too large to be scanned for viruses",
        detail=f"{file_name!r} is larger than the virus scanner takes, and no file is taken unscanned.",
        recovery=[
            "Split the file by time.",
            "Whoever runs this: set StreamMaxLength in clamd.conf to FORETIDE_MAX_FILE_BYTES.",
        ],
        technical_details={"file_name": file_name},
        status=413,
    )


def _away(why: str) -> ProblemError:
    return ProblemError(
        Category.STORAGE_UNAVAILABLE,
        title="The virus scanner is away",
        detail=f"The file cannot be scanned for viruses now: {why}. No file is taken unscanned.",
        recovery=["Try again in a few seconds; what was uploaded is kept."],
        retryable=True,
        headers={"Retry-After": "5"},
    )
