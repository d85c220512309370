"""One attempt over real HTTP: what is on the wire, whom it reaches, and how much of an answer is taken in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp.abc import ResolveResult

from services.notifier.webhooks.addresses import Rule
from services.notifier.webhooks.client import Client
from services.notifier.webhooks.resolving import Resolver
from services.notifier.webhooks.signing import new_secret, signed_headers
from tests.integration.gateway.servers import Raw, serving_raw
from tests.integration.webhooks.receiver import Receiver, genuine
from tests.ports import free_port

pytestmark = pytest.mark.integration

LOCAL = Rule(allow_http=True, allow_private=True)
PUBLIC_ONLY = Rule(allow_http=True, allow_private=False)


class Rebinding(Resolver):
    """A name server that has answered with a public address when it was asked before."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(1)
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._addresses
        ]


@asynccontextmanager
async def client(rule: Rule, resolver: Resolver | None = None, seconds: float = 2.0) -> AsyncIterator[Client]:
    made = Client(rule, resolver or Resolver(2), seconds)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def answering(talk: Raw) -> AsyncIterator[str]:
    port = free_port()
    async with serving_raw(talk, port):
        yield f"http://127.0.0.1:{port}/hook?x=1"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head, await reader.readexactly(int(length.partition(b":")[2]))


async def test_f85_what_is_on_the_wire_is_what_the_standard_says_and_verifies() -> None:
    """Byte by byte, through the real HTTP stack: names as the standard spells them, the body that was signed."""
    seen: list[tuple[bytes, bytes]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    secret, body = new_secret(), '{"name": "Größe"}'.encode()
    async with answering(talk) as url, client(LOCAL) as sender:
        outcome = await sender.post(url, body, signed_headers("an-id", datetime.now(UTC), body, [secret]))
    assert (outcome.status_code, outcome.is_success, outcome.error) == (204, True, None)
    [(head, sent)] = seen
    first, *lines = head.decode().rstrip().split("\r\n")
    assert first == "POST /hook?x=1 HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= headers.keys()
    assert headers["webhook-id"] == "an-id"
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Accept-Encoding"] == "identity"
    assert sent == body
    assert genuine(headers, sent, secret)
    assert not genuine(headers, sent, new_secret())
    assert not genuine(headers, sent + b" ", secret)


async def test_a_name_that_leads_elsewhere_by_the_time_of_connecting_is_not_followed() -> None:
    """DNS rebinding: what counts is the very address that is connected to."""
    receiver = Receiver()
    async with receiver.running():
        url = f"http://receiver.example.org:{receiver.port}/"
        async with client(PUBLIC_ONLY, Rebinding("127.0.0.1")) as sender:
            outcome = await sender.post(url, b"{}", {})
        assert outcome.status_code is None
        assert "not public" in (outcome.error or "")
        async with client(PUBLIC_ONLY, Rebinding("169.254.169.254", "10.0.0.1", "127.0.0.1")) as sender:
            assert (await sender.post(url, b"{}", {})).status_code is None
        for literal in (f"http://127.0.0.1:{receiver.port}/", f"http://[::ffff:127.0.0.1]:{receiver.port}/"):
            async with client(PUBLIC_ONLY) as sender:
                assert (await sender.post(literal, b"{}", {})).status_code is None
        assert receiver.received == []
        async with client(LOCAL, Rebinding("127.0.0.1")) as sender:
            assert (await sender.post(url, b"{}", {})).status_code == 204
        assert receiver.received[0].headers["host"] == f"receiver.example.org:{receiver.port}"


async def test_no_proxy_of_the_environment_comes_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    receiver = Receiver()
    async with receiver.running(), client(LOCAL) as sender:
        assert (await sender.post(receiver.url, b"{}", {})).status_code == 204


async def test_cookies_of_one_receiver_go_to_nobody() -> None:
    receiver = Receiver().always(204, Set_Cookie="a=b; Path=/")
    async with receiver.running(), client(LOCAL) as sender:
        for _ in range(2):
            await sender.post(receiver.url, b"{}", {})
    assert "cookie" not in receiver.received[1].headers


async def test_an_endless_answer_is_a_success_whose_first_kilobyte_is_kept() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"400\r\n" + b"\0\xff" * 512 + b"\r\n")
            try:
                await writer.drain()
            except OSError:
                return

    async with answering(talk) as url, client(LOCAL) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert outcome.is_success
    assert outcome.answer == "�" * 1024, "as text that a database can keep"


async def test_an_answer_whose_body_never_comes_counts_by_its_status() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        await reader.read()

    async with answering(talk) as url, client(LOCAL, seconds=0.5) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert (outcome.status_code, outcome.is_success, outcome.error) == (202, True, None)


async def test_an_answer_whose_body_never_comes_asks_for_its_pause_all_the_same() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        await reader.read()

    async with answering(talk) as url, client(LOCAL, seconds=0.5) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert (outcome.status_code, outcome.pause_seconds) == (503, 120.0)


async def test_what_a_header_says_in_no_encoding_can_be_kept() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with answering(talk) as url, client(LOCAL) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert outcome.status_code == 302
    assert (outcome.error or "").encode().endswith(b"leads to /??.")


@pytest.mark.parametrize(
    "endless",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"],
)
async def test_one_that_never_comes_to_its_answer_is_cut_long_before_its_time_is_up(endless: bytes) -> None:
    """Each of them would be looked at by the process that serves everybody's sockets."""
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        while not writer.is_closing():
            writer.write(endless * 100)
            try:
                await writer.drain()
            except OSError:
                return
            sent += 100 * len(endless)

    async with answering(talk) as url, client(LOCAL, seconds=20) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert (outcome.status_code, "not over after" in (outcome.error or "")) == (None, True)
    assert sent < 10_000_000


async def _says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def _speaks_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()


async def _endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000_000)
    await writer.drain()


@pytest.mark.parametrize("talk", [_says_nothing, _closes, _speaks_no_http, _endless_header])
async def test_what_is_no_answer_is_an_error_with_its_reason(talk: Raw) -> None:
    async with answering(talk) as url, client(LOCAL, seconds=0.5) as sender:
        outcome = await sender.post(url, b"{}", {})
    assert (outcome.status_code, outcome.is_success) == (None, False)
    assert outcome.error
    assert "hook?x=1" not in outcome.error, "what is in a URL is often a secret, and errors are logged"
    assert len(outcome.error) <= 500
    assert outcome.duration_seconds < 2
