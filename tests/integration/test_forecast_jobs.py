"""What a one-shot job ends with is stored once, whatever breaks on the way, and never for a session that is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import polars as pl
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api as trainer_api
from services.trainer.serving import jobs
from services.trainer.serving.jobs import ForecastJobs
from shared.database.pool import Database, Record
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import TrainingCompleted
from shared.runtime.service import Service
from shared.storage.keys import FORECAST_UPLOADS, TRAINING_FILES
from shared.storage.transfer import put_file
from tests.integration.apps import running, settings_for
from tests.integration.forecasting import DAYS, TrainedSession, trained_session
from tests.synthetic import load_and_temperature

pytestmark = pytest.mark.integration

OUTPUTS = {"output.json", "forecast.csv", "forecast.png"}


@pytest.fixture(scope="module")
async def trainer(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(trainer_api(settings_for(servers, sweep_seconds=3600))) as application:
        yield application


@pytest.fixture
def service(trainer: FastAPI) -> Service:
    found: Service = trainer.state.service
    return found


@pytest.fixture
def handler(trainer: FastAPI) -> ForecastJobs:
    return ForecastJobs(trainer.state.service, trainer.state.forecasting)


@pytest.fixture
async def trained(service: Service, database: Database, tmp_path: Path) -> TrainedSession:
    """A one-shot job's session, whose files know nothing of what comes after the last hour."""
    made = await trained_session(database, service.store, tmp_path)
    session_id, user_id = made.owned.session_id, made.owned.user_id
    ids = {"load": uuid4(), "temperature": uuid4()}
    async with database.transaction() as transaction:
        for series in load_and_temperature(days=DAYS):
            path = tmp_path / f"{series.name}.parquet"
            times = pl.Series(series.times).cast(pl.Datetime("ns", "UTC"))
            pl.DataFrame({"time": times, "value": series.values}).write_parquet(path)
            stored = await put_file(service.store, TRAINING_FILES, f"{session_id}/{path.name}", path)
            await transaction.execute(
                """insert into training_files
                       (id, session_id, user_id, file_name, file_type, file_size, storage_path, sha256, raw, canonical,
                        analysis)
                   values ($1, $2, $3, $4, 'input', 1, $4, 'x', $5, $5, '{"timezone": "UTC"}')""",
                ids[series.name],
                session_id,
                user_id,
                f"{session_id}/{series.name}.csv",
                stored.reference.model_dump(mode="json"),
            )
        document = await transaction.fetch_value(
            "select configuration from training_datasets where session_id = $1", session_id
        )
        for entry in document["series"]:
            entry |= {"file": str(ids[entry["file"]]), "value_column": "value"}
        await transaction.execute(
            "update training_datasets set configuration = $2 where session_id = $1", session_id, document
        )
        job_id = uuid4()
        await transaction.execute(
            """insert into forecast_jobs
                   (id, user_id, status, file_name, input_file_path, session_id, analysis, expires_at)
               values ($1, $2, 'processing', 'load.csv', $3, $4, '{}', now())""",
            job_id,
            user_id,
            f"{user_id}/{job_id}/input.csv",
            session_id,
        )
    return made


def completed(trained: TrainedSession) -> Envelope:
    """The message that the training is over."""
    best = {"model": "Linear", "targets": {"load": {"job_id": str(trained.jobs["Linear"]), "rmse": 1.0}}}
    event = TrainingCompleted(
        session_id=trained.owned.session_id,
        run_id=trained.run_id,
        evaluation_metrics=[best],
        best_model=best,
        failed=0,
    )
    return Envelope(
        source="/test",
        type=event_type("training.completed"),
        subject=event.session_id,
        data=event.model_dump(mode="json"),
        userid=str(trained.owned.user_id),
    )


async def told(database: Database, trained: TrainedSession) -> list[Record]:
    async with database.transaction() as transaction:
        return await transaction.fetch(
            """select name, envelope -> 'data' as data from session_events
               where session_id = $1 and name like 'forecast.%'""",
            trained.owned.session_id,
        )


async def stored(service: Service, user_id: UUID) -> dict[str, bytes]:
    keys = [found.key async for found in service.store.list(FORECAST_UPLOADS, f"{user_id}/")]
    return {
        key.rpartition("/")[2]: b"".join([block async for block in service.store.get(FORECAST_UPLOADS, key)])
        for key in keys
    }


async def test_what_follows_the_data_is_stored_and_told_once_though_the_message_comes_twice(
    handler: ForecastJobs, service: Service, database: Database, trained: TrainedSession
) -> None:
    envelope = completed(trained)

    await handler.handle(envelope)
    before = await stored(service, trained.owned.user_id)
    await handler.handle(envelope)

    assert before.keys() == OUTPUTS
    assert await stored(service, trained.owned.user_id) == before
    [event] = await told(database, trained)
    assert event["name"] == "forecast.completed"
    assert event["data"]["outputs"].keys() == OUTPUTS
    (forecast,) = orjson.loads(before["output.json"])["forecasts"]
    # Temperature is known a day ahead of what is forecast from, so its end is what counts.
    assert forecast["reference_time"] == "2022-02-08T23:00:00Z"
    assert len(before["forecast.csv"].splitlines()) == 25


async def test_a_crash_between_the_outputs_leaves_nothing_half_told_and_the_next_one_completes(
    handler: ForecastJobs,
    service: Service,
    database: Database,
    trained: TrainedSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    envelope = completed(trained)
    puts = 0

    async def crashing(*values: Any, **more: Any) -> Any:
        nonlocal puts
        puts += 1
        if puts == 2:
            raise RuntimeError("killed")
        return await put_file(*values, **more)

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "put_file", crashing)
        with pytest.raises(RuntimeError, match="killed"):
            await handler.handle(envelope)
    assert await told(database, trained) == []
    assert len(await stored(service, trained.owned.user_id)) == 1

    await handler.handle(envelope)

    assert [event["name"] for event in await told(database, trained)] == ["forecast.completed"]
    assert (await stored(service, trained.owned.user_id)).keys() == OUTPUTS


@pytest.mark.parametrize("what", ["deleted", "trained anew"])
async def test_a_session_that_moves_on_meanwhile_is_told_nothing(
    what: str,
    handler: ForecastJobs,
    service: Service,
    database: Database,
    trained: TrainedSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def moving_on(*values: Any, **more: Any) -> Any:
        async with database.transaction() as transaction:
            if what == "deleted":
                await transaction.execute(
                    "update training_sessions set status = 'deleting' where session_id = $1", trained.owned.session_id
                )
            else:
                await transaction.execute(
                    """insert into training_runs (session_id, user_id, dataset_id, number)
                       select session_id, user_id, dataset_id, 2 from training_runs where id = $1
                       on conflict do nothing""",
                    trained.run_id,
                )
        return await put_file(*values, **more)

    monkeypatch.setattr(jobs, "put_file", moving_on)

    await handler.handle(completed(trained))

    assert await told(database, trained) == []
    assert bool(await stored(service, trained.owned.user_id)) == (what == "trained anew")


async def test_what_cannot_be_forecast_fails_the_job_with_the_reason(
    handler: ForecastJobs, service: Service, database: Database, trained: TrainedSession
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            """update training_datasets
               set configuration = jsonb_set(configuration, '{series,0,horizon,start_hours}', '-100000')
               where session_id = $1""",
            trained.owned.session_id,
        )

    await handler.handle(completed(trained))

    [event] = await told(database, trained)
    assert (event["name"], event["data"]["problem"]["category"]) == ("forecast.failed", "INSUFFICIENT_DATA")
    assert await stored(service, trained.owned.user_id) == {}


async def test_the_training_of_any_other_session_is_nothing_to_it(
    handler: ForecastJobs, service: Service, database: Database, trained: TrainedSession
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("delete from forecast_jobs where session_id = $1", trained.owned.session_id)

    await handler.handle(completed(trained))

    assert await told(database, trained) == []
    assert await stored(service, trained.owned.user_id) == {}
