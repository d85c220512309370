"""A free port for a test's own server."""

from __future__ import annotations

import random

from foretide.stack.ports import is_free


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, below those that the system gives to outgoing connections."""
    return next(port for port in iter(lambda: random.randrange(20_000, 32_000), None) if is_free(port))
