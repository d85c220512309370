"""Which headers cross the gateway, and which it answers for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starlette.types import Scope

from shared.telemetry.trace import current_traceparent

RawHeaders = Iterable[tuple[bytes, bytes]]

# RFC 9110 section 7.6.1, with the older names that still occur.
_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    )
)
# Said by the gateway, whatever the client says: nobody can pretend to come from elsewhere. `expect` has been answered
# by the server in front.
_NOT_FROM_CLIENTS = _HOP_BY_HOP | frozenset(
    (
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto"),
        *(b"x-real-ip", b"expect", b"traceparent"),
    )
)
# Set anew by the gateway's own server and middleware; CORS is decided in one place.
_NOT_FROM_SERVICES = _HOP_BY_HOP | frozenset((b"date", b"server", b"traceparent"))
_CORS = b"access-control-"


def request_headers(scope: Scope) -> list[tuple[str, str]]:
    """What the service gets: the client's headers, ``Host`` among them, and who the client is."""
    kept = [(_text(name), _text(value)) for name, value in _end_to_end(scope["headers"], _NOT_FROM_CLIENTS)]
    host = next((value for name, value in kept if name == "host"), "")
    client = scope.get("client")
    kept += [
        ("x-forwarded-for", client[0] if client else "unknown"),
        ("x-forwarded-proto", scope["scheme"].replace("ws", "http")),
        ("x-forwarded-host", host),
    ]
    if traceparent := current_traceparent():
        kept.append(("traceparent", traceparent))
    return kept


def response_headers(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What the client gets of the service's headers."""
    crossing = _end_to_end(headers, _NOT_FROM_SERVICES)
    return [(name, value) for name, value in crossing if not name.lower().startswith(_CORS)]


def _end_to_end(headers: RawHeaders, withheld: frozenset[bytes]) -> Iterator[tuple[bytes, bytes]]:
    pairs = list(headers)
    named = {
        option.strip().lower() for name, value in pairs if name.lower() == b"connection" for option in value.split(b",")
    }
    return ((name, value) for name, value in pairs if name.lower() not in withheld and name.lower() not in named)


def _text(raw: bytes) -> str:
    """Header bytes as text; the client library sends text as UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
