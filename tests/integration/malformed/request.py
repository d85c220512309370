"""One malformed request."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

Make = Callable[[random.Random], "Malformed"]

CHUNK_PATH = "/api/training/upload-chunk"
ANNOUNCE_PATH = "/api/training/uploads"
CREATE_PATH = "/api/training/create-database-session"
SESSIONS_PATH = "/api/training/sessions"
TRAVERSALS = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "..\\..\\boot.ini", "/etc/shadow", "a/../../b", "....//x")
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Malformed:
    """One request. ``named`` is in the problem's detail, whatever its case; ``statuses`` are those it may get."""

    what: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    named: str = ""
    statuses: tuple[int, ...] = (422,)


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """As they go over the wire."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
