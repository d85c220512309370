"""Which pages may connect: those of this address and the listed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def origin_check(listed: Sequence[str]) -> Callable[[str | None, dict[str, Any]], bool]:
    """For the Socket.IO library, which by itself allows one's own pages only where none is listed."""

    def is_allowed(origin: str | None, environ: dict[str, Any]) -> bool:
        host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST", "")
        return origin in listed or origin == f"{environ.get('wsgi.url_scheme', 'http')}://{host}"

    return is_allowed
