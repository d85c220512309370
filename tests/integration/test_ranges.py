"""Ranges of a download, as clients ask for them and as they should not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.app import create_app
from shared.storage.keys import TRAINING_RESULTS
from tests.integration.apps import caller, running, settings_for

pytestmark = pytest.mark.integration

DATA = bytes(range(100))


@pytest.fixture(scope="module")
async def application(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(create_app(settings_for(servers))) as made:
        yield made


async def get(application: FastAPI, servers: LocalServers, asked: str) -> httpx.Response:
    store = application.state.service.store
    key = f"{uuid4()}/results.bin"
    await store.put(TRAINING_RESULTS, key, DATA)
    signed = await store.signed_url(TRAINING_RESULTS, key)
    async with caller(application, servers) as client:
        return await client.get(signed.url, headers={"Range": asked})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", DATA[:10]),
        ("bytes=90-", DATA[90:]),
        ("bytes=-10", DATA[90:]),
        ("bytes=-1000", DATA),
        ("bytes=50-1000", DATA[50:]),
        ("bytes=99-999999999999999999", DATA[99:]),
    ],
)
async def test_a_range_is_what_was_asked_for(
    application: FastAPI, servers: LocalServers, asked: str, expected: bytes
) -> None:
    answer = await get(application, servers, asked)
    assert answer.content == expected
    assert answer.status_code == (200 if expected == DATA else 206)


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=5-2", "bytes=-0", "bytes=999999999999999999-"])
async def test_a_range_that_has_no_byte_is_refused_and_the_size_told(
    application: FastAPI, servers: LocalServers, asked: str
) -> None:
    answer = await get(application, servers, asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */100"
    assert asked in answer.json()["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=0-9,5-14", "bytes=0-9,0-9", "bytes=-", "bytes=a-b", "bytes=--5", "bytes=1-2-3", "items=0-9", "bytes"),
        *("bytes=0-" + "9" * 5000, "bytes=" + "9" * 5000 + "-", "bytes=" + ",".join(["0-"] * 2000), "bytes=0-9\n"),
    ],
)
async def test_several_ranges_and_what_is_none_get_the_whole(
    application: FastAPI, servers: LocalServers, asked: str
) -> None:
    """As RFC 9110 section 14.2 allows: overlapping ranges must not multiply what is sent."""
    answer = await get(application, servers, asked)
    assert (answer.status_code, answer.content) == (200, DATA)
