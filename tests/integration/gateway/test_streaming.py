"""Bodies through the gateway: streamed both ways at the pace of the slower side, and ended when either side ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.integration.gateway.servers import FakeService, gateway, serving_raw
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

MEBIBYTE = 1024 * 1024
FILE = 50 * MEBIBYTE
IN_FLIGHT = 24 * MEBIBYTE
"""Well above what the kernel keeps for two loopback connections, well below a file."""

CHUNK = "/api/training/upload-chunk"
STATUS = "/api/training/status/1"
OBJECT = "/api/files/training-results/1/model.keras"
EVENTS = "/api/training/events/1"


async def stalled(count: Callable[[], int]) -> None:
    """Returns when a counter that began to count has not moved for twenty looks at it."""
    seen: list[int] = []

    def is_still() -> bool:
        seen.append(count())
        return seen[-1] > 0 and len(seen) > 20 and len(set(seen[-20:])) == 1

    await until(is_still, what="the counter stands still")


async def test_a_file_of_50_megabytes_goes_up_whole(client: httpx.AsyncClient) -> None:
    sent, block = hashlib.sha256(), os.urandom(MEBIBYTE)

    async def body() -> AsyncIterator[bytes]:
        for number in range(FILE // MEBIBYTE):
            piece = number.to_bytes(8) + block[8:]
            sent.update(piece)
            yield piece

    async def answer(request: Request) -> Response:
        digest, size = hashlib.sha256(), 0
        async for piece in request.stream():
            digest.update(piece)
            size += len(piece)
        return JSONResponse({"sha256": digest.hexdigest(), "size": size})

    upload = FakeService("upload", answer=answer)
    async with upload.running(), gateway(upload) as url:
        for headers in ({"content-length": str(FILE)}, {}):
            sent = hashlib.sha256()
            got = await client.post(url + CHUNK, content=body(), headers=headers)
            assert got.json() == {"sha256": sent.hexdigest(), "size": FILE}
    declared, chunked = upload.requests
    assert declared.headers["content-length"] == str(FILE)
    assert chunked.headers["transfer-encoding"] == "chunked"


async def test_a_service_that_reads_slowly_slows_the_client_and_fills_no_memory(client: httpx.AsyncClient) -> None:
    read_on, sent = asyncio.Event(), 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(FILE // MEBIBYTE):
            sent += MEBIBYTE
            yield bytes(MEBIBYTE)

    async def answer(request: Request) -> Response:
        await read_on.wait()
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return JSONResponse({"size": size})

    upload = FakeService("upload", answer=answer)
    async with upload.running(), gateway(upload) as url:
        asking = asyncio.create_task(client.post(url + CHUNK, content=body()))
        await stalled(lambda: sent)
        assert 0 < sent < IN_FLIGHT
        read_on.set()
        assert (await asking).json() == {"size": FILE}


async def test_a_client_that_reads_slowly_slows_the_service_and_fills_no_memory(client: httpx.AsyncClient) -> None:
    made = 0
    digest, received = hashlib.sha256(), hashlib.sha256()

    async def document() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(FILE // MEBIBYTE):
            piece = os.urandom(MEBIBYTE)
            digest.update(piece)
            made += len(piece)
            yield piece

    async def answer(_: Request) -> Response:
        return StreamingResponse(document())

    results = FakeService("results", answer=answer)
    async with results.running(), gateway(results) as url, client.stream("GET", url + OBJECT) as got:
        await stalled(lambda: made)
        assert 0 < made < IN_FLIGHT
        async for piece in got.aiter_raw():
            received.update(piece)
    assert made == FILE
    assert received.hexdigest() == digest.hexdigest()


async def test_a_slow_stream_arrives_as_it_is_made(client: httpx.AsyncClient) -> None:
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def events() -> AsyncIterator[bytes]:
        while (piece := await said.get()) != b"":
            yield piece

    async def answer(_: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream")

    notifier = FakeService("notifier", answer=answer)
    async with (
        notifier.running(),
        gateway(notifier) as url,
        client.stream("GET", url + EVENTS) as got,
        asyncio.timeout(60),
    ):
        pieces = got.aiter_raw()
        for number in range(3):
            said.put_nowait(b"data: %d\n\n" % number)
            assert await anext(pieces) == b"data: %d\n\n" % number
        said.put_nowait(b"")


async def test_when_the_client_leaves_the_service_is_told(client: httpx.AsyncClient) -> None:
    ended = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def answer(_: Request) -> Response:
        return StreamingResponse(events())

    notifier = FakeService("notifier", answer=answer)
    async with notifier.running(), gateway(notifier) as url:
        async with client.stream("GET", url + EVENTS) as got:
            assert await anext(got.aiter_raw()) == b"first"
        await until(ended.is_set, seconds=30, what="the service's stream was cancelled")


async def test_when_the_client_leaves_before_the_answer_the_service_is_told(client: httpx.AsyncClient) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Response:
        asked.set()
        await until(request.is_disconnected, seconds=30)
        left.set()
        return Response()

    trainer = FakeService("trainer", answer=answer)
    async with trainer.running(), gateway(trainer) as url:
        asking = asyncio.create_task(client.get(url + STATUS))
        await asked.wait()
        asking.cancel()
        await until(left.is_set, seconds=30, what="the service saw the client go")


async def test_an_upload_that_breaks_off_breaks_off_at_the_service_too() -> None:
    broken = asyncio.Event()

    async def answer(request: Request) -> Response:
        try:
            async for _ in request.stream():
                pass
        except ClientDisconnect:
            broken.set()
        return Response()

    upload = FakeService("upload", answer=answer)
    async with upload.running(), gateway(upload) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"POST {CHUNK} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        await until(lambda: upload.requests, seconds=30, what="the upload began")
        writer.close()
        await until(broken.is_set, seconds=30, what="the service saw the upload break")


async def test_an_answer_that_breaks_off_is_not_taken_for_whole(client: httpx.AsyncClient) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await writer.drain()

    port = free_port()
    async with serving_raw(half, port), gateway(upstreams={"results": [f"http://127.0.0.1:{port}"]}) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url + OBJECT)


async def test_an_answer_may_come_before_the_upload_is_read() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await reader.read()

    port = free_port()
    async with serving_raw(refuse, port), gateway(upstreams={"upload": [f"http://127.0.0.1:{port}"]}) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"POST {CHUNK} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun".encode())
        async with asyncio.timeout(60):
            assert (await reader.readline()) == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.close()
