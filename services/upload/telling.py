"""What owners are told of a file that the server puts together, checks and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid5

from shared.database.pool import Record
from shared.events.payloads import Progress, UploadProgress
from shared.runtime.interrupted import Interrupted
from shared.runtime.progress import ProgressSender
from shared.runtime.telling import Telling
from shared.shares import TellShare, part_of

_TOGETHER = 30.0
"""Percent that are done when the file is in the store, whole: reading it takes longer."""


@dataclass(frozen=True, slots=True)
class FileShares:
    """Get the shares that are done, of putting a file together and then of reading it."""

    upload: TellShare
    analysis: TellShare


class FilesTold:
    """How far files are, told their owners."""

    def __init__(self, sender: ProgressSender) -> None:
        self._sender = sender
        self._interrupted = Interrupted()

    @asynccontextmanager
    async def of_upload(self, user_id: UUID, upload_id: str, file_name: str) -> AsyncIterator[FileShares]:
        """Of a file that no session has yet. The next attempt goes on where one broke off."""
        make = partial(UploadProgress, upload_id=upload_id, file_name=file_name)

        def begin(percent: float) -> Telling:
            return Telling(self._sender, user_id, make, percent=percent)

        async with self._interrupted.going_on((user_id, upload_id), begin) as telling:
            yield FileShares(
                upload=part_of(lambda reached: telling.tell("upload", reached), 0.0, _TOGETHER),
                analysis=part_of(lambda reached: telling.tell("analysis", reached), _TOGETHER, 100.0),
            )

    @asynccontextmanager
    async def of_reading(self, file: Record, number: int) -> AsyncIterator[TellShare]:
        """Of a session's file that is read again; each reading is a job of its own, which begins at nothing."""
        job_id = uuid5(file["id"], f"reading {number}")
        make = partial(Progress, session_id=file["session_id"], job_id=job_id)
        async with Telling(self._sender, file["user_id"], make) as telling:
            yield lambda share: telling.tell("analysis", 100.0 * share, file["file_name"])
