"""tus-js-client at work, and what it tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.integration.tus.exchange import (
    MEBIBYTE,
    PATH,
    series,
)
from tests.javascript import script

Told = list[dict[str, Any]]
CHUNK = 256 * 1024
DATA = series(2 * MEBIBYTE)


def token_in(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].partition(" ")[2]


@asynccontextmanager
async def tus_js(client: httpx.AsyncClient, file: Path, **options: object) -> AsyncIterator[AsyncIterator[Any]]:
    """The JavaScript client at work; what it tells, as it tells it."""
    given = {
        "endpoint": str(client.base_url.join(PATH)),
        "file": str(file),
        "chunkSize": CHUNK,
        "metadata": {"filename": file.name, "filetype": "text/csv"},
        **options,
    }
    told = json.dumps({name: value for name, value in given.items() if value is not None})
    async with script("tus.mjs", told, environment={"FORETIDE_TOKEN": token_in(client)}) as telling:
        yield telling


async def uploaded_by_tus_js(client: httpx.AsyncClient, file: Path, **options: object) -> Told:
    """Everything that it told until it ended."""
    async with tus_js(client, file, **options) as told, asyncio.timeout(120):
        return [event async for event in told]


def of(told: Told, name: str) -> Told:
    return [event for event in told if event["event"] == name]


def path_of(told: Told) -> str:
    """The path that the upload got."""
    return httpx.URL(of(told, "url")[0]["url"]).path
