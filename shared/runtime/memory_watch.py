"""A bound on the memory that a process may take, watched from inside.

The operating system's own limit makes allocations fail, and then a library with threads of its own may wait for one
that was never started, for ever: polars did. Looking on and ending the process cannot hang.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_SECONDS = 0.02
_STATUS = Path("/proc/self/status")


def watch_memory(more_bytes: int, on_exceeded: Callable[[], None]) -> None:
    """Call ``on_exceeded``, once and in a thread, when this process holds so many bytes more than it does now.

    Files mapped into memory do not count. Linux only: elsewhere nothing is watched.
    """
    if sys.platform == "linux":
        threading.Thread(target=_watch, args=(_held() + more_bytes, on_exceeded), daemon=True).start()


def _watch(most_bytes: int, on_exceeded: Callable[[], None]) -> None:
    while _held() <= most_bytes:
        time.sleep(_LOOK_SECONDS)
    on_exceeded()


def _held() -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
