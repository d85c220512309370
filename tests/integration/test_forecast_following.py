"""A forecast job's row says what its session's events said last, and only its owner reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.app import create_app as results_app
from services.results.forecasts import (
    on_failed,
    on_forecast_completed,
    on_training_cancelled,
    on_training_completed,
    on_training_started,
)
from shared.database.pool import Database, Record
from shared.delivery import outbox
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import (
    DatasetsFailed,
    ForecastCompleted,
    ForecastFailed,
    Reference,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingStarted,
)
from shared.problems import Category, ProblemError
from shared.storage.keys import FORECAST_UPLOADS
from shared.storage.open import open_store
from tests.integration.apps import caller, running, settings_for
from tests.integration.forecasts import hourly_load, pending_job, rows_of, upload
from tests.waiting import until

pytestmark = pytest.mark.integration

BROKEN = ProblemError(Category.MODEL_CONVERGENCE, title="No", detail="It did not converge.", recovery=["x"]).problem
METRICS = {"load": {"job_id": str(uuid4()), "rmse": 1.5, "mae": 1.0}}
BEST = {"model": "Linear", "mean_rank": 1.0, "targets": METRICS}


@pytest.fixture(scope="module")
async def results_service(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(results_app(settings_for(servers))) as made:
        yield made


@pytest.fixture
async def reader(results_service: FastAPI, servers: LocalServers, user_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(results_service, servers, user_id) as made:
        yield made


@pytest.fixture
async def job(
    application: FastAPI, client: httpx.AsyncClient, servers: LocalServers, user_id: UUID, database: Database
) -> Record:
    """A job that is at work."""
    job_id = await pending_job(application, servers, user_id)
    assert (await client.post(f"/api/forecast/{job_id}")).status_code == 202
    [row] = await rows_of(database, "forecast_jobs", user_id)
    return row


def envelope(payload: object, sequence: int) -> Envelope:
    return Envelope(
        source="/test", type=event_type("x.y"), subject="s", sequence=str(sequence), data={}, userid=str(uuid4())
    )


def trained(session_id: str) -> TrainingCompleted:
    return TrainingCompleted(
        session_id=session_id, run_id=uuid4(), evaluation_metrics=[BEST], best_model=BEST, failed=0
    )


async def forecasted(servers: LocalServers, job: Record) -> ForecastCompleted:
    """With outputs that are in the store; each holds its own name."""
    folder = job["input_file_path"].rpartition("/")[0]
    opening = open_store(servers.store_url, public_url="http://test", signing_secret=servers.signing_secret)
    async with opening as store:
        outputs: dict[str, Reference] = {
            name: (await store.put(FORECAST_UPLOADS, f"{folder}/{name}", name.encode())).reference
            for name in ("output.json", "forecast.csv", "forecast.png")
        }
    return ForecastCompleted(
        session_id=job["session_id"],
        forecast_job_id=job["id"],
        run_id=uuid4(),
        model="Linear",
        metrics=METRICS,
        outputs=outputs,
    )


async def test_a_job_that_waits_says_what_is_in_its_file(
    application: FastAPI, servers: LocalServers, user_id: UUID, reader: httpx.AsyncClient
) -> None:
    job_id = await pending_job(application, servers, user_id)
    said = (await reader.get(f"/api/forecast/{job_id}")).json()
    assert (said["status"], said["phase"], said["choices"], said["metrics"]) == ("pending", None, None, None)
    assert [column["name"] for column in said["columns"]] == ["time", "load"]
    [file] = said["files"]
    download = await reader.get(file["url"])
    assert (file["name"], download.content) == ("input.csv", hourly_load())
    assert "load.csv" in download.headers["content-disposition"]


async def test_events_that_are_published_move_the_job(
    database: Database,
    user_id: UUID,
    reader: httpx.AsyncClient,
    job: Record,
    results_service: FastAPI,
    servers: LocalServers,
) -> None:
    session_id = job["session_id"]
    said = (await reader.get(f"/api/forecast/{job['id']}")).json()
    assert (said["status"], said["phase"], said["sessionId"]) == ("processing", "generating", session_id)
    assert {choice["name"] for choice in said["choices"]} >= {"timeColumn", "targetColumns", "horizon"}
    completed = trained(session_id)
    async with database.transaction() as transaction:
        await outbox.record(transaction, completed, source="results", session_id=session_id, user_id=user_id)

    async def says_model() -> bool:
        return bool((await reader.get(f"/api/forecast/{job['id']}")).json()["modelUsed"] == "Linear")

    await until(says_model, seconds=30, what="the model that is used")
    said = (await reader.get(f"/api/forecast/{job['id']}")).json()
    assert (said["status"], said["metrics"], len(said["files"])) == ("processing", METRICS, 1)
    assert (await reader.get(f"/api/forecast/{job['id']}/output.json")).status_code == 404
    forecast = await forecasted(servers, job)
    async with database.transaction() as transaction:
        await outbox.record(transaction, forecast, source="trainer", session_id=session_id, user_id=user_id)

    async def is_completed() -> bool:
        return bool((await reader.get(f"/api/forecast/{job['id']}")).json()["status"] == "completed")

    await until(is_completed, seconds=30, what="the job is completed")
    said = (await reader.get(f"/api/forecast/{job['id']}")).json()
    assert (said["modelUsed"], said["metrics"], said["errorMessage"]) == ("Linear", METRICS, None)
    assert [file["name"] for file in said["files"]] == ["input.csv", *sorted(forecast.outputs)]
    for name in forecast.outputs:
        direct = await reader.get(f"/api/forecast/{job['id']}/{name}")
        assert (direct.status_code, direct.content) == (200, name.encode())
        signed = next(file["url"] for file in said["files"] if file["name"] == name)
        assert (await reader.get(signed)).content == name.encode()
    async with caller(results_service, servers) as stranger:
        assert (await stranger.get(f"/api/forecast/{job['id']}/output.json")).status_code == 404
    assert (await reader.get(f"/api/forecast/{job['id']}/model.keras")).status_code == 404


async def test_every_way_to_end_is_followed(
    database: Database, user_id: UUID, job: Record, servers: LocalServers
) -> None:
    session_id, run_id = job["session_id"], uuid4()

    async def now() -> tuple[str, str | None, str | None]:
        [row] = await rows_of(database, "forecast_jobs", user_id)
        return row["status"], row["model_used"], row["error_message"]

    async with database.transaction() as transaction:
        event = DatasetsFailed(session_id=session_id, dataset_id=uuid4(), problem=BROKEN)
        await on_failed(transaction, envelope(event, 4), event)
    assert await now() == ("failed", None, "It did not converge.")
    async with database.transaction() as transaction:
        started = TrainingStarted(session_id=session_id, run_id=run_id, dataset_id=uuid4(), jobs=[])
        await on_training_started(transaction, envelope(started, 5), started)
    assert await now() == ("processing", None, None)
    async with database.transaction() as transaction:
        failed = TrainingFailed(session_id=session_id, run_id=run_id, problem=BROKEN)
        await on_failed(transaction, envelope(failed, 6), failed)
    assert await now() == ("failed", None, "It did not converge.")
    async with database.transaction() as transaction:
        completed = TrainingCompleted(
            session_id=session_id, run_id=run_id, evaluation_metrics=[BEST], best_model=BEST, failed=0
        )
        await on_training_completed(transaction, envelope(completed, 7), completed)
    assert await now() == ("processing", "Linear", None)
    async with database.transaction() as transaction:
        lost = ForecastFailed(session_id=session_id, forecast_job_id=job["id"], run_id=run_id, problem=BROKEN)
        await on_failed(transaction, envelope(lost, 8), lost)
    assert await now() == ("failed", None, "It did not converge.")
    forecast = await forecasted(servers, job)
    async with database.transaction() as transaction:
        await on_forecast_completed(transaction, envelope(forecast, 9), forecast)
    assert await now() == ("completed", "Linear", None)
    async with database.transaction() as transaction:
        cancelled = TrainingCancelled(session_id=session_id, run_id=run_id)
        await on_training_cancelled(transaction, envelope(cancelled, 10), cancelled)
    status, model, message = await now()
    assert (status, model) == ("failed", None)
    assert message is not None


async def test_an_event_that_is_heard_late_changes_nothing(database: Database, user_id: UUID, job: Record) -> None:
    session_id = job["session_id"]
    completed = TrainingCompleted(
        session_id=session_id, run_id=uuid4(), evaluation_metrics=[BEST], best_model=BEST, failed=0
    )
    started = TrainingStarted(session_id=session_id, run_id=uuid4(), dataset_id=uuid4(), jobs=[])
    async with database.transaction() as transaction:
        await on_training_completed(transaction, envelope(completed, 9), completed)
        await on_training_started(transaction, envelope(started, 8), started)
    [row] = await rows_of(database, "forecast_jobs", user_id)
    assert (row["status"], row["model_used"], row["followed"]) == ("processing", "Linear", 9)


async def test_a_forecast_that_is_heard_of_before_its_training_has_the_last_word(
    database: Database, user_id: UUID, job: Record, servers: LocalServers
) -> None:
    completed, forecast = trained(job["session_id"]), await forecasted(servers, job)
    async with database.transaction() as transaction:
        await on_forecast_completed(transaction, envelope(forecast, 9), forecast)
        await on_training_completed(transaction, envelope(completed, 8), completed)
    [row] = await rows_of(database, "forecast_jobs", user_id)
    assert (row["status"], row["model_used"], row["metrics"]) == ("completed", "Linear", METRICS)
    assert row["output_file_path"] == forecast.outputs["output.json"].key


async def test_a_job_whose_session_is_going_is_not_found(
    application: FastAPI, servers: LocalServers, user_id: UUID, reader: httpx.AsyncClient, job: Record
) -> None:
    async with caller(application, servers, user_id) as client:
        await client.delete(f"/api/training/sessions/{job['session_id']}")
    assert (await reader.get(f"/api/forecast/{job['id']}")).status_code == 404


async def test_the_database_shows_a_job_to_its_owner_alone_and_lets_nobody_write_one(
    database: Database, user_id: UUID, job: Record
) -> None:
    async with database.transaction(user_id) as transaction:
        assert await transaction.fetch_value("select count(*) from forecast_jobs") == 1
    async with database.transaction(uuid4()) as transaction:
        assert await transaction.fetch_value("select count(*) from forecast_jobs") == 0
    for statement in ("update forecast_jobs set status = 'completed'", "delete from forecast_jobs"):
        with pytest.raises(Exception, match="permission denied"):
            async with database.transaction(user_id) as transaction:
                await transaction.execute(statement)


async def test_f32_every_status_of_a_job_can_be_written_with_a_long_reason(
    application: FastAPI, servers: LocalServers, database: Database, user_id: UUID
) -> None:
    async with caller(application, servers, user_id) as client:
        await upload(client, hourly_load())
    async with database.transaction() as transaction:
        for status in ("pending", "processing", "completed", "failed"):
            await transaction.execute(
                "update forecast_jobs set status = $2, error_message = $3 where user_id = $1",
                user_id,
                status,
                "reason " * 10_000,
            )
