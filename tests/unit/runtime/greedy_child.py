"""A child that takes as much memory as it is told to, slowly enough to be seen."""

from __future__ import annotations

import time
from typing import Any

from shared.runtime.child import Report, serve


def grow(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """Take it, a mebibyte at a time."""
    held = []
    while len(held) << 20 < specification["takes"]:
        held.append(b"\1" * (1 << 20))
        time.sleep(0.002)
    return {}


if __name__ == "__main__":
    serve(grow)
