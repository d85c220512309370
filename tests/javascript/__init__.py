"""Running the scripts of this folder: official JavaScript clients, driven by tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_NODE = Path(sys.executable).parent / "node"


@asynccontextmanager
async def script(name: str, *arguments: str, environment: Mapping[str, str]) -> AsyncIterator[AsyncIterator[Any]]:
    """Run ``name`` with Node; gives what it prints, one JSON value per line, until it ends. Killed at the end."""
    process = await asyncio.create_subprocess_exec(
        _NODE,
        _FOLDER / name,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        limit=16 * 1024 * 1024,
        start_new_session=True,
    )
    assert process.stdout is not None

    async def lines(output: asyncio.StreamReader) -> AsyncIterator[Any]:
        async for line in output:
            yield json.loads(line)

    try:
        yield lines(process.stdout)
    finally:
        # The program is a wrapper that runs Node as its child: both have to go.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
