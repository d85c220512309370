"""A file that is being written and becomes visible whole, in one step that outlives a power cut."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from shared.storage.blocks import Tally

_MOVE_ATTEMPTS = 100


class PartialFile:
    """Written under a name of its own, then moved into place, or discarded. One thread at a time uses it.

    Only ``discard`` may come while another call runs (its task was cancelled, the thread was not): it waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tally = Tally()
        self._lock = Lock()
        self._file = path.open("xb")

    def write(self, block: bytes) -> None:
        """Append, count and hash. Raises OSError."""
        with self._lock:
            self._file.write(block)
            self.tally.add(block)

    def move(self, target: Path) -> None:
        """Put the finished file at ``target``, in place of what was there. Raises OSError."""
        with self._lock:
            _replace(self.path, target)

    def finish(self) -> os.stat_result:
        """Bring all bytes to the disk; the status that the file keeps from now on. Raises OSError."""
        with self._lock:
            self._file.flush()
            # The kernel's own times are coarse: two files written within one tick would have the same.
            now = time.time_ns()
            os.utime(self._file.fileno(), ns=(now, now))
            os.fsync(self._file.fileno())
            self._file.close()
            return self.path.stat()

    def discard(self) -> None:
        """Remove the file unless it was moved."""
        with self._lock:
            self._file.close()
            self.path.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    """Retries, because a delete may at any moment remove the folders that it leaves empty."""
    for attempts_left in reversed(range(_MOVE_ATTEMPTS)):
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source.replace(target)
            break
        except (FileNotFoundError, FileExistsError, IsADirectoryError):
            if not attempts_left:
                raise
    with suppress(FileNotFoundError):  # deleted again, and its folder with it
        _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
