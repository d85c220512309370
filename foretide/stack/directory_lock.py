"""One owner per data directory, for as long as any of its servers lives."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from pathlib import Path

import psutil

from shared.problems import Category, ProblemError

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.1


class DirectoryLock:
    """A file lock that the servers inherit: it is free only once owner and servers have all gone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that holds the lock, to be passed on to servers."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    async def acquire(self) -> None:
        """Take it. The servers of an owner that was killed are waited for; a living owner is not.

        Raises :class:`ProblemError` naming the process that holds it.
        """
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not _locked(descriptor):
                    self._refuse_if_owned(descriptor)
                    await asyncio.sleep(_POLL_SECONDS)
            self._sign(descriptor)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, TimeoutError):
                raise self._refusal("servers of an earlier run that have not ended yet") from error
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)
        self._descriptor = None

    def _sign(self, descriptor: int) -> None:
        me = psutil.Process()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"process": me.pid, "started": me.create_time()}).encode(), 0)

    def _refuse_if_owned(self, descriptor: int) -> None:
        try:
            owner = json.loads(os.pread(descriptor, 1000, 0))
            alive = abs(psutil.Process(owner["process"]).create_time() - owner["started"]) < 1.0
        except (ValueError, psutil.NoSuchProcess):
            # Just taken and not signed yet, or signed by one who has gone.
            return
        if alive:
            raise self._refusal(f"process {owner['process']}", {"process_id": owner["process"]})

    def _refusal(self, holder: str, details: dict[str, int] | None = None) -> ProblemError:
        return ProblemError(
            Category.CONFLICT,
            title="Foretide already runs on this data directory",
            detail=f"{self._directory} is in use by {holder}.",
            recovery=["Use the one that runs, or end it first.", "Or give this one another data directory."],
            technical_details=details,
        )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
