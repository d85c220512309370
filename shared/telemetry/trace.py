"""The trace that a piece of work belongs to, as W3C Trace Context (https://www.w3.org/TR/trace-context/).

One upload is one trace over five services: the context comes in by an HTTP header or a message's
``traceparent`` attribute, and goes out with every message that the work records.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def new_traceparent(parent: str | None = None) -> str:
    """A new span: in the parent's trace when it is valid, else in a trace of its own."""
    match = _TRACEPARENT.match(parent or "")
    trace_id = match.group(1) if match else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def current_traceparent() -> str | None:
    """The traceparent of the work under way, if any."""
    return _current.get()


def current_trace_id() -> str | None:
    """The 32 hexadecimal digits that logs and problems show."""
    traceparent = _current.get()
    return traceparent.split("-")[1] if traceparent else None


@contextmanager
def continue_trace(parent: str | None) -> Iterator[str]:
    """Run the block as a new span of ``parent``'s trace."""
    traceparent = new_traceparent(parent)
    token = _current.set(traceparent)
    try:
        yield traceparent
    finally:
        _current.reset(token)
