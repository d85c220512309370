"""Forecasts from new rows over HTTP, on real servers and by real children; and the keys that open them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api as trainer_api
from shared.database.pool import Database
from shared.storage.open import open_store
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import make_session
from tests.integration.forecasting import TrainedSession, rows_about, trained_session

pytestmark = pytest.mark.integration

KEYS_A_MINUTE = 3


@pytest.fixture(scope="module")
async def trainer(servers: LocalServers) -> AsyncIterator[FastAPI]:
    settings = settings_for(
        servers, sweep_seconds=3600, max_forecast_bytes=64 * 1024, key_requests_per_minute=KEYS_A_MINUTE
    )
    async with running(trainer_api(settings)) as application:
        yield application


@pytest.fixture(scope="module")
async def trained(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TrainedSession]:
    database = Database(servers.database_url, pool_size=2)
    await database.open()
    opening = open_store(servers.store_url, public_url="http://test", signing_secret=servers.signing_secret)
    async with opening as store:
        yield await trained_session(database, store, tmp_path_factory.mktemp("trained"))
    await database.close()


@pytest.fixture
async def owner(trainer: FastAPI, servers: LocalServers, trained: TrainedSession) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(trainer, servers, trained.owned.user_id) as client:
        yield client


@pytest.fixture
def anybody(trainer: FastAPI) -> httpx.AsyncClient:
    """Without a token."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(trainer), base_url="http://test", timeout=60)


def newest(trained: TrainedSession, kind: str = "Linear") -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Rows up to the reference time of the last test window, and what the job forecast there."""
    arrays = trained.arrays[kind]
    return rows_about(int(arrays["reference_times"][-1])), arrays["forecast"][-1]


def only(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["forecasts"]
    return dict(found)


async def test_f66_f70_the_best_model_answers_what_its_job_stored_with_times_units_and_intervals(
    owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    rows, stored = newest(trained)

    found = only(await owner.post(trained.path, json={"series": rows}))

    assert np.allclose(found["values"], stored, rtol=1e-6)
    assert (found["model"], found["jobId"]) == ("Linear", str(trained.jobs["Linear"]))
    assert (found["target"], found["unit"], found["stepMinutes"]) == ("load", "kW", 60)
    assert found["referenceTime"] == rows["load"]["times"][-1]
    assert len(found["times"]) == len(found["localTimes"]) == 24
    assert found["times"][0] > found["referenceTime"]
    widest = found["intervals"][0]
    assert all(low < high for low, high in zip(widest["lower"], widest["upper"], strict=True))


@pytest.mark.parametrize("kind", ["Linear", "Dense"])
async def test_a_named_job_answers_and_the_second_time_it_is_warm(
    kind: str, owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    rows, stored = newest(trained, kind)
    body = {"series": rows, "jobId": str(trained.jobs[kind])}

    seconds = []
    for _ in range(3):
        began = time.monotonic()
        found = only(await owner.post(trained.path, json=body))
        seconds.append(round(time.monotonic() - began, 3))
        assert np.allclose(found["values"], stored, rtol=1e-5, atol=1e-4)
        assert found["model"] == kind
    print(f"{kind}: {seconds} s")


async def test_csv_is_forecast_from_with_what_is_asked_in_the_query(
    owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    rows, stored = newest(trained)
    reference = rows["load"]["times"][-1]
    load = dict(zip(rows["load"]["times"], rows["load"]["values"], strict=True))
    temperature = zip(rows["temperature"]["times"], rows["temperature"]["values"], strict=True)
    lines = ["time,load,temperature", *(f"{time},{load.get(time, '')},{value}" for time, value in temperature)]
    text = "\n".join(lines) + "\n"

    answer = await owner.post(
        trained.path,
        params={"referenceTime": reference, "target": "load", "runId": str(trained.run_id)},
        content=text.encode(),
        headers={"Content-Type": "text/csv; charset=utf-8"},
    )

    assert np.allclose(only(answer)["values"], stored, rtol=1e-6)


async def test_the_served_model_answers_as_soon_as_the_pointer_moves(
    owner: httpx.AsyncClient, trained: TrainedSession, database: Database
) -> None:
    rows, stored = newest(trained, "Dense")
    async with database.transaction() as transaction:
        await transaction.execute(
            "insert into served_models (session_id, user_id, target, job_id) values ($1, $2, 'load', $3)",
            trained.owned.session_id,
            trained.owned.user_id,
            trained.jobs["Dense"],
        )

    found = only(await owner.post(trained.path, json={"series": rows}))

    async with database.transaction() as transaction:
        await transaction.execute("delete from served_models where session_id = $1", trained.owned.session_id)
    assert found["model"] == "Dense"
    assert np.allclose(found["values"], stored, rtol=1e-5, atol=1e-4)


async def test_a_target_that_the_best_model_lacks_is_answered_by_the_model_that_is_served_for_it(
    owner: httpx.AsyncClient, trained: TrainedSession, database: Database
) -> None:
    """The winner's job for it failed, so the leaderboard's first row does not name it."""
    rows, _ = newest(trained)
    session_id = trained.owned.session_id
    async with database.transaction() as transaction:
        was = await transaction.fetch_value(
            "select best_model from training_results where session_id = $1 limit 1", session_id
        )
        await transaction.execute("update training_jobs set target = 'other' where id = $1", trained.jobs["Linear"])
        await transaction.execute(
            """insert into served_models (session_id, user_id, target, job_id)
               select $1, $2, target, id from training_jobs where session_id = $1 and target = 'load'""",
            session_id,
            trained.owned.user_id,
        )
        await transaction.execute(
            "update training_results set best_model = $2 where session_id = $1",
            session_id,
            {**was, "targets": {"other": {"job_id": str(trained.jobs["Linear"])}}},
        )

    found = only(await owner.post(trained.path, json={"series": rows, "target": "load"}))
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_runs (id, session_id, user_id, dataset_id, number, status)
               select $1, session_id, user_id, dataset_id, 7, 'completed' from training_runs where id = $2""",
            (earlier := uuid4()),
            trained.run_id,
        )
        await transaction.execute("update training_jobs set run_id = $1 where id = $2", earlier, trained.jobs["Dense"])
    of_another_run = only(await owner.post(trained.path, json={"series": rows, "target": "load"}))

    async with database.transaction() as transaction:
        await transaction.execute("delete from served_models where session_id = $1", session_id)
        await transaction.execute(
            "update training_jobs set run_id = $2 where session_id = $1", session_id, trained.run_id
        )
        await transaction.execute("update training_jobs set target = 'load' where session_id = $1", session_id)
        await transaction.execute("update training_results set best_model = $2 where session_id = $1", session_id, was)
    assert found["jobId"] == of_another_run["jobId"] == str(trained.jobs["Dense"])


async def test_many_at_once_get_the_same_answer(owner: httpx.AsyncClient, trained: TrainedSession) -> None:
    rows, _ = newest(trained)

    answers = await asyncio.gather(*(owner.post(trained.path, json={"series": rows}) for _ in range(8)))

    assert len({answer.text for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("change", "status", "category"),
    [
        ({"target": "price"}, 422, "DATA_VALIDATION"),
        ({"jobId": str(uuid4())}, 404, "NOT_FOUND"),
        ({"runId": str(uuid4())}, 404, "NOT_FOUND"),
        ({"referenceTime": "2031-01-01T00:00Z"}, 422, "INSUFFICIENT_DATA"),
        ({"referenceTime": "soon"}, 422, "DATA_VALIDATION"),
        ({"series": {}}, 422, "DATA_VALIDATION"),
        ({"series": {"wind": {"times": ["2031-01-01T00:00Z"], "values": [1.0]}}}, 422, "DATA_VALIDATION"),
        ({"surprise": 1}, 422, "DATA_VALIDATION"),
    ],
)
async def test_what_cannot_be_answered_is_a_problem_that_says_why(
    change: dict[str, Any], status: int, category: str, owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    rows, _ = newest(trained)

    answer = await owner.post(trained.path, json={"series": rows, **change})

    assert (answer.status_code, answer.json()["category"]) == (status, category), answer.text
    assert answer.json()["recovery"]


async def test_f22_a_body_beyond_the_limit_is_refused(owner: httpx.AsyncClient, trained: TrainedSession) -> None:
    answer = await owner.post(trained.path, content=b" " * (64 * 1024 + 1), headers={"Content-Type": "text/csv"})

    assert answer.status_code == 413


async def test_a_foreign_session_and_one_without_models_have_nothing_to_forecast_with(
    trainer: FastAPI, servers: LocalServers, trained: TrainedSession, database: Database
) -> None:
    rows, _ = newest(trained)
    own = await make_session(database)
    async with caller(trainer, servers, own.user_id) as client:
        foreign = await client.post(trained.path, json={"series": rows})
        untrained = await client.post(f"/api/training/forecast/{own.session_id}", json={"series": rows})
        foreign_job = await client.post(
            f"/api/training/forecast/{own.session_id}", json={"series": rows, "jobId": str(trained.jobs["Linear"])}
        )

    assert (foreign.status_code, untrained.status_code, foreign_job.status_code) == (404, 409, 404)


def keys_path(trained: TrainedSession) -> str:
    return f"/api/training/api-keys/{trained.owned.session_id}"


@pytest.fixture
async def key(owner: httpx.AsyncClient, trained: TrainedSession, database: Database) -> AsyncIterator[dict[str, Any]]:
    """A fresh key; afterwards the session has none."""
    answer = await owner.post(keys_path(trained), json={"name": "meter 7", "expiresInDays": 30})
    assert answer.status_code == 201, answer.text
    yield answer.json()
    async with database.transaction() as transaction:
        await transaction.execute("delete from api_keys where session_id = $1", trained.owned.session_id)


async def test_a_key_opens_forecasts_of_its_session_and_is_shown_once(
    key: dict[str, Any],
    anybody: httpx.AsyncClient,
    owner: httpx.AsyncClient,
    trained: TrainedSession,
    database: Database,
) -> None:
    rows, stored = newest(trained)

    found = only(await anybody.post(trained.path, json={"series": rows}, headers={"X-API-Key": key["key"]}))

    assert np.allclose(found["values"], stored, rtol=1e-6)
    (listed,) = (await owner.get(keys_path(trained))).json()["keys"]
    assert "key" not in listed
    assert (listed["name"], listed["active"], listed["prefix"]) == ("meter 7", True, key["key"][:16])
    assert listed["lastUsedAt"] is not None
    async with database.transaction() as transaction:
        rows_at_rest = await transaction.fetch("select k::text as row from api_keys k")
    assert all(key["key"].rpartition("_")[2] not in row["row"] for row in rows_at_rest)


async def test_a_key_opens_nothing_else(
    key: dict[str, Any], anybody: httpx.AsyncClient, trained: TrainedSession, database: Database
) -> None:
    headers = {"X-API-Key": key["key"]}
    rows, _ = newest(trained)
    other = await make_session(database, user_id=trained.owned.user_id)

    elsewhere = await anybody.post(f"/api/training/forecast/{other.session_id}", json={"series": rows}, headers=headers)

    assert elsewhere.status_code == 404
    session = trained.owned.session_id
    for method, path in (
        ("GET", f"/api/training/status/{session}"),
        ("POST", f"/api/training/train-models/{session}"),
        ("POST", f"/api/training/cancel/{session}"),
        ("GET", keys_path(trained)),
        ("POST", keys_path(trained)),
        ("DELETE", f"{keys_path(trained)}/{key['keyId']}"),
    ):
        assert (await anybody.request(method, path, headers=headers)).status_code == 401, path
        bearer = {"Authorization": f"Bearer {key['key']}"}
        assert (await anybody.request(method, path, headers=bearer)).status_code == 401, path


async def test_a_key_that_is_none_was_revoked_or_has_expired_is_refused(
    key: dict[str, Any],
    anybody: httpx.AsyncClient,
    owner: httpx.AsyncClient,
    trained: TrainedSession,
    database: Database,
) -> None:
    rows, _ = newest(trained)

    async def sent(secret: str) -> tuple[int, str]:
        answer = await anybody.post(trained.path, json={"series": rows}, headers={"X-API-Key": secret})
        return answer.status_code, answer.json().get("detail", "")

    for wrong in ("", "x", "ftk_", key["key"][:-1], key["key"] + "x", key["key"][:16] + "_" + 43 * "A"):
        assert (await sent(wrong))[0] == 401, wrong
    async with database.transaction() as transaction:
        await transaction.execute(
            "update api_keys set expires_at = now() - interval '1 s' where prefix = $1", key["prefix"]
        )
    status, detail = await sent(key["key"])
    assert (status, "expired" in detail) == (401, True)
    for _ in range(2):
        assert (await owner.delete(f"{keys_path(trained)}/{key['keyId']}")).status_code == 204
    status, detail = await sent(key["key"])
    assert (status, "revoked" in detail) == (401, True)


async def test_the_sixth_active_key_is_refused_until_one_is_revoked(
    key: dict[str, Any], owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    made = await asyncio.gather(*(owner.post(keys_path(trained)) for _ in range(6)))

    assert sorted(answer.status_code for answer in made) == 4 * [201] + 2 * [409]
    await owner.delete(f"{keys_path(trained)}/{key['keyId']}")
    assert (await owner.post(keys_path(trained))).status_code == 201


async def test_a_key_that_is_asked_for_twice_under_one_idempotency_key_is_made_once_and_shown_once(
    key: dict[str, Any], owner: httpx.AsyncClient, trained: TrainedSession, database: Database
) -> None:
    headers = {"Idempotency-Key": str(uuid4())}

    first, again = [(await owner.post(keys_path(trained), headers=headers)).json() for _ in range(2)]

    assert first["key"].startswith(first["prefix"])
    assert again == {**first, "key": None}
    async with database.transaction() as transaction:
        kept = await transaction.fetch("select answer::text as answer from idempotency_keys where answer is not null")
    assert not [row for row in kept if first["key"] in row["answer"]]


async def test_a_key_has_a_rate_limit_of_its_own(
    key: dict[str, Any], anybody: httpx.AsyncClient, owner: httpx.AsyncClient, trained: TrainedSession
) -> None:
    headers = {"X-API-Key": key["key"]}
    answers = [await anybody.post(trained.path, json={}, headers=headers) for _ in range(KEYS_A_MINUTE + 1)]

    assert [answer.status_code for answer in answers] == KEYS_A_MINUTE * [422] + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert (await owner.get(keys_path(trained))).status_code == 200


async def test_keys_of_a_foreign_session_are_nobody_s(
    key: dict[str, Any], trainer: FastAPI, servers: LocalServers, trained: TrainedSession
) -> None:
    async with caller(trainer, servers) as stranger:
        assert (await stranger.get(keys_path(trained))).status_code == 404
        assert (await stranger.post(keys_path(trained))).status_code == 404
        assert (await stranger.delete(f"{keys_path(trained)}/{key['keyId']}")).status_code == 404
