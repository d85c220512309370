"""One CSV through the whole running stack: upload, choices, datasets, training, results, the job completed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foretide.client.http import Client
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.servers import delete_data
from shared.problems import ProblemError
from tests.files import files_below
from tests.integration.chain import FAST, kill, no_orphans, outsider
from tests.integration.forecasts import hourly_load
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    folder = tmp_path_factory.mktemp("forecasts")
    async with local_stack(folder, port=free_port(), settings=FAST) as running:
        yield running
    await delete_data(folder)


@pytest.fixture
async def client(stack: RunningStack) -> AsyncIterator[Client]:
    async with Client(stack.url, stack.token) as made:
        yield made


async def uploaded(client: Client, content: bytes) -> str:
    answer = await client.call("POST", "/api/forecast/upload", files={"file": ("load.csv", content, "text/csv")})
    job_id: str = answer["jobId"]
    return job_id


def _runs_anew(stack: RunningStack, part: str, killed: int) -> bool:
    return stack.supervisor.process_ids.get(part, killed) != killed


async def ended(client: Client, job_id: str, *, seconds: float = 150) -> dict[str, Any]:
    async def at_rest() -> dict[str, Any] | None:
        job = await client.call("GET", f"/api/forecast/{job_id}")
        return job if job["status"] in ("completed", "failed") else None

    found: dict[str, Any] = await until(at_rest, seconds=seconds, what="the job has ended")
    return found


async def test_one_csv_becomes_a_completed_job_with_metrics_and_nothing_else_has_to_be_said(
    stack: RunningStack, client: Client
) -> None:
    async with outsider(stack) as listener:
        job_id = await uploaded(client, hourly_load())
        assert (await client.call("GET", f"/api/forecast/{job_id}"))["status"] == "pending"
        started = await client.call("POST", f"/api/forecast/{job_id}")
        job = await ended(client, job_id)
        session_id = started["sessionId"]
        expected = Counter(
            ["session.created", "file.uploaded", "datasets.generated", "training.started", "training.completed"]
            + ["forecast.completed"]
            + 2 * ["model.trained", "results.stored"]
        )
        await until(lambda: listener.names(session_id) == expected, what="every event heard once")
    assert job["status"] == "completed", job["problem"]
    assert job["choices"] == started["choices"]
    assert job["modelUsed"] in ("Linear", "Dense")
    # The wave has an amplitude of 20 and noise of 1: the metrics are in the file's units.
    assert 0.8 < job["metrics"]["load"]["rmse"] < 5
    files = {file["name"]: file for file in job["files"]}
    assert files.keys() == {"input.csv", "output.json", "forecast.csv", "forecast.png"}
    output = await client.call("GET", f"/api/forecast/{job_id}/output.json")
    (forecast,) = output["forecasts"]
    # The file's last row is of 23:00 on its 25th day: what is forecast begins an hour later.
    assert (forecast["reference_time"], forecast["times"][0]) == ("2024-01-25T23:00:00Z", "2024-01-26T00:00:00Z")
    assert all(abs(value - 50) < 30 for value in forecast["values"])
    results = await client.results(session_id)
    assert results["bestModel"]["model"] == job["modelUsed"]
    await no_orphans(stack)


async def test_a_job_completes_although_services_are_killed_and_its_deletion_leaves_nothing(
    stack: RunningStack, client: Client
) -> None:
    job_id = await uploaded(client, hourly_load())
    wishes = {"horizon": 6, "inputSteps": 24, "models": [{"kind": "Linear"}], "timezone": "Europe/Vienna"}
    started = await client.call("POST", f"/api/forecast/{job_id}", json=wishes)
    for part in ("upload", "results", "trainer-api"):
        killed = kill(stack, part)
        await until(partial(_runs_anew, stack, part, killed), what=f"{part} started again")
    job = await ended(client, job_id)
    assert (job["status"], job["modelUsed"]) == ("completed", "Linear")
    chosen = {choice["name"]: choice["value"] for choice in job["choices"]}
    assert (chosen["horizon"], chosen["inputSteps"], chosen["timezone"]) == (6, 24, "Europe/Vienna")
    path = f"/api/training/sessions/{started['sessionId']}"
    await client.call("DELETE", path)

    async def purged() -> bool:
        return bool((await client.call("GET", f"{path}/deletion"))["status"] == "deleted")

    await until(purged, seconds=150, what="the session is gone")
    with pytest.raises(ProblemError, match="not found"):
        await client.call("GET", f"/api/forecast/{job_id}")
    objects = stack.servers.data_directory / "objects"
    assert not [path for path in files_below(Path(objects)) if job_id in str(path)]


async def test_a_job_that_is_cancelled_fails_with_the_reason_and_can_be_started_again(
    stack: RunningStack, client: Client
) -> None:
    job_id = await uploaded(client, hourly_load())
    endless = {"kind": "Dense", "layers": 1, "units": 8, "epochs": 500, "patience": 500}
    session_id = (await client.call("POST", f"/api/forecast/{job_id}", json={"models": [endless]}))["sessionId"]

    async def training() -> bool:
        return bool((await client.status(session_id))["phase"] == "training")

    await until(training, seconds=150, what="the session trains")
    await client.call("POST", f"/api/training/cancel/{session_id}")
    job = await ended(client, job_id)
    assert (job["status"], job["problem"]["category"]) == ("failed", "CANCELLED")
    assert job["errorMessage"]
    again = await client.call("POST", f"/api/forecast/{job_id}", json={"models": [{"kind": "Linear"}]})
    assert again["sessionId"] == session_id
    job = await ended(client, job_id)
    assert job["status"] == "completed", job["problem"]
