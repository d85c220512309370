"""Who waits for the newest checkpoint, and who does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from services.trainer.checkpoints import CheckpointUploads


@pytest.fixture
def uploads(tmp_path: Path) -> CheckpointUploads:
    job: Any = SimpleNamespace(row={"checkpoint": None}, claim=SimpleNamespace(job_id=uuid4(), attempt=1))
    nobody: Any = None
    return CheckpointUploads(nobody, nobody, job, tmp_path / "checkpoint.npz")


async def test_a_job_that_is_over_waits_for_no_checkpoint_that_is_written_later(
    uploads: CheckpointUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def job_is_over() -> bool:
        return False

    monkeypatch.setattr(uploads, "_upload", job_is_over)
    uploads.note(1)
    await uploads.run()
    uploads.note(2)

    waiting = asyncio.create_task(uploads.catch_up())
    for _ in range(3):
        await asyncio.sleep(0)

    assert waiting.done()


async def test_a_job_that_is_handed_back_waits_until_its_newest_checkpoint_is_stored(
    uploads: CheckpointUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = asyncio.Event()

    async def upload() -> bool:
        await stored.wait()
        return True

    monkeypatch.setattr(uploads, "_upload", upload)
    running = asyncio.create_task(uploads.run())
    uploads.note(1)
    waiting = asyncio.create_task(uploads.catch_up())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()

    stored.set()
    await waiting
    running.cancel()
