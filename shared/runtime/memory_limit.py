"""How much memory this machine, or this container, has."""

from __future__ import annotations

import os
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def memory_limit() -> int:
    """Bytes: what the container may take where one says so, else what the machine has."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    said = _CONTAINER.read_text(encoding="ascii").strip() if _CONTAINER.exists() else ""
    return min(machine, int(said)) if said.isdigit() else machine
