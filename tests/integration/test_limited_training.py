"""A run with a limit of time on a real worker: its model is what could be trained until then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api
from shared.database.pool import Database
from shared.storage.open import open_store
from tests.integration.apps import running, settings_for
from tests.integration.outboxes import forget_earlier_work
from tests.integration.replicas import Replica
from tests.integration.test_checkpoints import WORKER, Trainer
from tests.integration.training import artifact, ended

pytestmark = pytest.mark.integration

ENDLESS = {"kind": "LightGBM", "trees": 10_000, "patience": 10_000, "leaves": 7, "time_limit_seconds": 86400}


@pytest.fixture
async def trainer(servers: LocalServers, database: Database, tmp_path: Path) -> AsyncIterator[Trainer]:
    settings = settings_for(servers)
    await forget_earlier_work(servers)
    async with (
        open_store(settings.store_url, public_url="http://test", signing_secret=servers.signing_secret) as store,
        running(create_api(settings)) as api,
    ):
        yield Trainer(api, servers, database, store, tmp_path)


async def test_a_runs_limit_ends_training_and_what_was_learned_by_then_is_kept(
    trainer: Trainer, servers: LocalServers, tmp_path: Path
) -> None:
    worker = Replica("trainer-worker", servers, tmp_path / "worker.log", WORKER)
    worker.start()
    try:
        await worker.answers()
        owned = await trainer.start(ENDLESS, timeLimitSeconds=20)

        job = await ended(trainer.database, owned)
    finally:
        await worker.stop()

    assert job["detail"]["warnings"] == ["The time limit ended 24 of 24 boosters early."]
    assert (await artifact(trainer.store, job, "evaluation"))["headline"]["rmse"] is not None
