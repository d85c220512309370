from __future__ import annotations

from typing import Any

import pytest

from foretide.gateway.headers import request_headers, response_headers
from shared.telemetry.trace import continue_trace


def scope(*headers: tuple[str, str], scheme: str = "https") -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"headers": raw, "client": ("203.0.113.7", 5000), "scheme": scheme}


def test_the_service_learns_who_asked_and_what_for() -> None:
    sent = request_headers(scope(("host", "foretide.example"), ("authorization", "Bearer x"), ("range", "bytes=0-1")))
    assert sent == [
        ("host", "foretide.example"),
        ("authorization", "Bearer x"),
        ("range", "bytes=0-1"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "foretide.example"),
    ]


@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "forwarded"]
)
def test_a_client_cannot_say_where_it_comes_from(name: str) -> None:
    sent = request_headers(scope(("host", "foretide.example"), (name, "10.0.0.1")))
    assert "10.0.0.1" not in dict(sent).values()


def test_headers_of_one_connection_stay_on_it() -> None:
    sent = request_headers(
        scope(
            ("connection", "keep-alive, X-Secret"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("x-kept", "1"),
        )
    )
    assert [name for name, _ in sent] == ["x-kept", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]


def test_repeated_headers_stay_repeated() -> None:
    cookies = ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
    assert response_headers(cookies) == list(cookies)


def test_a_websocket_comes_by_http() -> None:
    assert ("x-forwarded-proto", "https") in request_headers(scope(scheme="wss"))


def test_the_service_continues_the_gateways_trace_not_the_clients() -> None:
    with continue_trace(None) as traceparent:
        sent = request_headers(scope(("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01")))
    assert [value for name, value in sent if name == "traceparent"] == [traceparent]


def test_only_the_gateway_decides_on_cors() -> None:
    answered = ((b"Access-Control-Allow-Origin", b"*"), (b"Content-Encoding", b"gzip"), (b"ETag", b'"1"'))
    assert response_headers(answered) == [(b"Content-Encoding", b"gzip"), (b"ETag", b'"1"')]


def test_text_beyond_ascii_crosses() -> None:
    assert ("x-name", "Köln") in request_headers(scope(("x-name", "Köln")))
