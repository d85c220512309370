"""Download links, over real HTTP, whichever store made them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.problems import ProblemError
from shared.storage.disposition import content_disposition
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.port import ObjectStore
from shared.storage.signing import verify_signature
from tests.contract.asgi_server import serve
from tests.contract.conftest import SIGNING_SECRET

REFUSED = (400, 403)
"""AWS and ours say 403; Supabase's S3 endpoint says 400 for a link whose time is over."""


def file_server(store: ObjectStore) -> Starlette:
    async def download(request: Request) -> Response:
        query, name = request.query_params, request.query_params.get("download")
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        try:
            verify_signature(
                SIGNING_SECRET,
                method=request.method,
                bucket=bucket,
                key=key,
                expires=query.get("expires", ""),
                signature=query.get("signature", ""),
                download_name=name,
            )
        except ProblemError as error:
            return JSONResponse(error.problem.model_dump(mode="json"), error.problem.status)
        headers = {} if name is None else {"Content-Disposition": content_disposition(name)}
        return StreamingResponse(store.get(bucket, key), headers=headers)

    return Starlette(routes=[Route("/api/files/{bucket}/{key:path}", download)])


@pytest.fixture
async def browser(store: ObjectStore, public_socket: socket.socket) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(file_server(store), public_socket), httpx.AsyncClient(trust_env=False) as client:
        yield client


async def test_a_signed_url_gives_the_object_to_whoever_has_it(
    store: ObjectStore, folder: str, browser: httpx.AsyncClient
) -> None:
    key = f"{folder}/a b!.*'()&$=@;:+,?-_.csv"
    await store.put(TRAINING_RESULTS, key, b"time,value\n")

    signed = await store.signed_url(TRAINING_RESULTS, key, expires_seconds=60)

    answer = await browser.get(signed.url)
    assert (answer.status_code, answer.content) == (200, b"time,value\n")
    assert abs(signed.expires_at - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=30)


async def test_f21_whatever_was_downloaded_can_be_downloaded_again(
    store: ObjectStore, folder: str, browser: httpx.AsyncClient
) -> None:
    await store.put(TRAINING_RESULTS, f"{folder}/a", b"all of it")

    signed = await store.signed_url(TRAINING_RESULTS, f"{folder}/a")

    answers = [await browser.get(signed.url) for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == 3 * [(200, b"all of it")]


async def test_f08_a_download_name_is_data(store: ObjectStore, folder: str, browser: httpx.AsyncClient) -> None:
    await store.put(TRAINING_RESULTS, f"{folder}/a", b".")
    name = 'Wärme "Süd"\r\nX-Evil: 1/../ ;€.csv'

    signed = await store.signed_url(TRAINING_RESULTS, f"{folder}/a", download_name=name)

    answer = await browser.get(signed.url)
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    assert answer.headers["content-disposition"] == content_disposition(name)
    assert answer.headers["content-disposition"].endswith(
        "W%C3%A4rme%20%22S%C3%BCd%22__X-Evil%3A%201_.._%20%3B%E2%82%AC.csv"
    )


async def test_a_changed_url_is_refused(store: ObjectStore, folder: str, browser: httpx.AsyncClient) -> None:
    for name in ("mine", "yours"):
        await store.put(TRAINING_RESULTS, f"{folder}/{name}", b"secret")
    url = httpx.URL((await store.signed_url(TRAINING_RESULTS, f"{folder}/mine", expires_seconds=60)).url)
    longer = {"expires": "9999999999", "X-Amz-Expires": "7000"}
    changed = [
        str(url).replace(f"{folder}/mine", f"{folder}/yours"),
        str(url.copy_merge_params({name: value for name, value in longer.items() if name in url.params})),
        str(url)[:-4] + ("0000" if not str(url).endswith("0000") else "1111"),
        str(url.copy_with(query=None)),
    ]

    answers = [await browser.get(other) for other in changed]

    assert [answer.status_code in REFUSED for answer in answers] == [True] * len(changed)
    assert not any(b"secret" in answer.content for answer in answers)


async def test_a_signed_url_is_for_reading_only(store: ObjectStore, folder: str, browser: httpx.AsyncClient) -> None:
    await store.put(TRAINING_RESULTS, f"{folder}/a", b"kept")
    signed = await store.signed_url(TRAINING_RESULTS, f"{folder}/a")

    for method in ("PUT", "DELETE"):
        assert (await browser.request(method, signed.url, content=b"changed")).status_code in (403, 405)
    assert (await browser.get(signed.url)).content == b"kept"


async def test_an_expired_url_is_refused(store: ObjectStore, folder: str, browser: httpx.AsyncClient) -> None:
    await store.put(TRAINING_RESULTS, f"{folder}/a", b"short-lived")
    signed = await store.signed_url(TRAINING_RESULTS, f"{folder}/a", expires_seconds=1)

    async with asyncio.timeout(15):
        while (answer := await browser.get(signed.url)).status_code == 200:
            await asyncio.sleep(0.1)

    assert answer.status_code in REFUSED
    assert datetime.now(UTC) >= signed.expires_at - timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [0, -1, 7201])
async def test_no_url_lasts_longer_than_two_hours(store: ObjectStore, seconds: int) -> None:
    with pytest.raises(ValueError, match="1 to 7200 seconds"):
        await store.signed_url(TRAINING_RESULTS, "a", expires_seconds=seconds)
