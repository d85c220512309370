"""A running job's newest checkpoint in the store, for whoever takes the job over.

Its row names it. Keys differ by attempt and epoch, and the row is written under the claim: a worker that lost its job
can replace nothing of its successor's.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from shared.database.pool import Database, Record
from shared.events.payloads import Reference
from shared.jobs.lease import Claim
from shared.jobs.patience import patiently
from shared.jobs.worker import Job
from shared.problems import ProblemError
from shared.storage.keys import ML_ARTIFACTS
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file
from shared.telemetry.logs import logger

log = logger(__name__)

_CATCH_UP_SECONDS = 10.0
"""For a worker that hands its job back: less than a lease, and than what a process is given to end in."""


class CheckpointUploads:
    """Stores what the child has written to ``path``, beside the training.

    Where storing takes longer than an epoch, epochs are left out.
    """

    def __init__(self, database: Database, store: ObjectStore, job: Job, path: Path) -> None:
        self._database = database
        self._store = store
        self._job = job
        self._path = path
        self._obsolete = _keys_in(job.row)
        self._written = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._epoch = 0
        self._held = True

    def note(self, epoch: int) -> None:
        """The child has written this epoch's checkpoint; nobody's business where the job is another's, or over."""
        if not self._held:
            return
        self._epoch = epoch
        self._idle.clear()
        self._written.set()

    async def run(self) -> None:
        """Store the newest checkpoint, again and again, until cancelled or until the claim is lost."""
        while self._held:
            await self._written.wait()
            self._written.clear()
            try:
                self._held = await patiently("to store a checkpoint", self._upload)
            except (ProblemError, OSError) as error:
                log.warning("checkpoint not stored", job_id=str(self._job.claim.job_id), error=str(error))
            if not self._written.is_set():
                self._idle.set()
        self._idle.set()

    async def catch_up(self) -> None:
        """Wait a while for the newest checkpoint to be stored: the job is about to be handed back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await self._idle.wait()

    async def _upload(self) -> bool:
        """False when the job is another's, or over."""
        job = self._job
        key = f"{_folder(job.row)}/{job.claim.attempt}/{self._epoch}.npz"
        stored = await put_file(self._store, ML_ARTIFACTS, key, self._path)
        held = await _record(self._database, job.claim, stored.reference)
        superseded = self._obsolete - {key} if held else {key}
        self._obsolete = {key}
        await self._store.delete_many(ML_ARTIFACTS, superseded)
        return held


async def _record(database: Database, held: Claim, reference: Reference) -> bool:
    """A job that got further is not what its lost workers died of: they are no longer counted."""
    async with database.transaction() as transaction:
        return bool(
            await transaction.execute(
                """update public.training_jobs set checkpoint = $3, lost = 0
                   where id = $1 and attempt = $2 and status = 'running'""",
                held.job_id,
                held.attempt,
                reference.model_dump(mode="json"),
            )
        )


async def fetch_checkpoint(store: ObjectStore, job: Job, path: Path) -> None:
    """Put the checkpoint of an attempt before this one to ``path``; nothing where there is none, or a damaged one."""
    if job.row["checkpoint"] is None:
        return
    found = Reference.model_validate(job.row["checkpoint"])
    try:
        await patiently(
            "for a checkpoint", lambda: get_file(store, found.bucket, found.key, path, expected_sha256=found.sha256)
        )
    except ProblemError as error:
        log.warning("checkpoint not used", job_id=str(job.claim.job_id), reason=str(error))


async def remove_unnamed_checkpoints(store: ObjectStore, row: Record, attempt: int) -> None:
    """What an attempt has stored and ``row``, as it is now, does not name."""
    folder = f"{_folder(row)}/{attempt}"
    stored = {found.key async for found in store.list(ML_ARTIFACTS, folder)}
    await store.delete_many(ML_ARTIFACTS, stored - _keys_in(row))


def _keys_in(row: Record) -> set[str]:
    return {row["checkpoint"]["key"]} if row["checkpoint"] is not None else set()


def job_folder(row: Record) -> str:
    """Where all objects of a job are."""
    return f"models/{row['session_id']}/{row['id']}"


def _folder(row: Record) -> str:
    return f"{job_folder(row)}/checkpoints"
