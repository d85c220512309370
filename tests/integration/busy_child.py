"""A child process that does nothing but compute, for as long as it is told."""

from __future__ import annotations

import time
from typing import Any

from shared.runtime.child import Report, serve


def compute(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """Spin for ``seconds``."""
    end = time.monotonic() + specification["seconds"]
    while time.monotonic() < end:
        sum(range(10_000))
    return {}


if __name__ == "__main__":
    serve(compute)
