"""A folder for this process's temporary files; what killed processes have left is removed at the next start."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "foretide-scratch-"
_LOCK = ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Within it, temporary files of this process and of its children lie in one folder, gone afterwards.

    The folder is locked while its process lives, so others know the abandoned ones.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent) as name:
        folder = Path(name)
        with (folder / "new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now under its name: nobody finds it unlocked.
            Path(lock.name).rename(folder / _LOCK)
            before = os.environ.get("TMPDIR")
            os.environ["TMPDIR"] = name
            tempfile.tempdir = None
            try:
                yield folder
            finally:
                if before is None:
                    del os.environ["TMPDIR"]
                else:
                    os.environ["TMPDIR"] = before
                tempfile.tempdir = None


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            lock = (folder / _LOCK).open("r+")
        except OSError:
            continue  # somebody else's, being made, or being removed
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(folder, ignore_errors=True)
