"""Forecasts as inputs: from an uploaded file of every issue to windows that see only what was known by then."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from foretide.stack.servers import LocalServers
from services.dataset.app import create_api, create_worker
from services.upload.app import create_app
from shared.database.pool import Database, Record
from shared.series.artifact import read_dataset
from shared.series.scalers import Scaler
from shared.storage.keys import TRAINING_DATASETS
from shared.storage.transfer import get_file
from tests.integration.apps import caller, running, settings_for
from tests.integration.outboxes import forget_earlier_work
from tests.waiting import until

pytestmark = pytest.mark.integration

START, HOUR = datetime(2024, 1, 1), timedelta(hours=1)


def load_csv() -> bytes:
    return "\n".join(["time,load", *(f"{START + n * HOUR},{n % 24}" for n in range(24 * 20))]).encode()


def weather_csv() -> bytes:
    """Two days ahead, issued every twelve hours; each value is the number of its issue."""
    rows = [f"{START + 12 * n * HOUR},{START + (12 * n + k) * HOUR},{n}" for n in range(40) for k in range(48)]
    return "\n".join(["issued,valid,wind", *rows]).encode()


async def test_windows_see_the_forecast_that_was_known_at_their_reference_time(
    servers: LocalServers, database: Database, tmp_path: Path
) -> None:
    await forget_earlier_work(servers)
    settings, user_id = settings_for(servers, sweep_seconds=3600, lease_seconds=30), uuid4()
    ahead = {"horizon": {"start_hours": 1, "end_hours": 6}}
    wind = {"file": "weather.csv", "role": "input", "kind": "forecast", "issue_column": "issued"}
    configuration = {
        "series": [wind | ahead, {"file": "load.csv", "role": "output"} | ahead],
        "time_steps": {"input": 6, "output": 6, "step_minutes": 60},
    }
    upload, api = create_app(settings), create_api(settings)
    async with running(upload), running(api), running(create_worker(settings)):
        async with caller(upload, servers, user_id) as client:
            ids = []
            for name, data in (("load.csv", load_csv()), ("weather.csv", weather_csv())):
                form = {"uploadId": uuid4().hex, "chunkIndex": "0", "totalChunks": "1", "fileName": name}
                sent = await client.post("/api/training/upload-chunk", data=form, files={"chunk": (name, data)})
                assert sent.status_code == 200, sent.text
                ids.append(form["uploadId"])
            made = await client.post("/api/training/create-database-session", json={"uploadIds": ids})
        session_id = made.json()["sessionId"]
        async with caller(api, servers, user_id) as client:
            asked = await client.post(f"/api/training/generate-datasets/{session_id}", json=configuration)
        assert asked.status_code == 202, asked.text

        async def ready() -> Record | None:
            async with database.transaction() as transaction:
                row = await transaction.fetch_row(
                    "select * from public.training_datasets where id = $1", UUID(asked.json()["runId"])
                )
            assert row is not None
            assert row["status"] != "failed", row["problem"]
            return row if row["status"] == "ready" else None

        row: Record = await until(ready, seconds=180, what="the dataset is ready")
        await get_file(api.state.service.store, TRAINING_DATASETS, row["storage_path"], tmp_path / "dataset.npz")

    dataset = read_dataset(tmp_path / "dataset.npz", row["metadata"]["manifest"])
    known = (dataset.reference_times - np.datetime64(START, "ns").astype(np.int64)) // (12 * 3_600_000_000_000)
    assert len(known) > 400
    seen = Scaler.from_json(dataset.manifest["scalers"]["inputs"][0]).inverse(dataset.inputs_scaled[..., 0])
    assert np.allclose(seen, np.repeat(known[:, None], 6, axis=1), atol=1e-3)
