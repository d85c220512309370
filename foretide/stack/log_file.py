"""Where the output of child processes goes: one file each, that does not grow for ever."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_LARGEST_BYTES = 10 * 1024 * 1024


def open_log(file: Path) -> BinaryIO:
    """Open ``file`` to add to it; past 10 MiB it becomes ``NAME.old.log`` (one is kept) and a new one begins."""
    if file.exists() and file.stat().st_size > _LARGEST_BYTES:
        file.replace(file.with_suffix(".old.log"))
    return file.open("ab")
