"""Results of the system before this one are read like any other: 000-76."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.results.app import create_app
from shared.database.pool import Database
from shared.storage.keys import TRAINING_RESULTS
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned, make_session

pytestmark = pytest.mark.integration

DOCUMENT = {"model_type": "Dense", "metrics": {"loss": 0.01}, "train_data": {"X": [[1.5, 2.0]], "y": [[3.25]]}}
METADATA = {"model_type": "Dense", "dataset_count": 1}


@pytest.fixture(scope="module")
async def results(servers: LocalServers) -> AsyncIterator[FastAPI]:
    async with running(create_app(settings_for(servers, sweep_seconds=3600))) as made:
        yield made


async def old_row(
    database: Database, owned: Owned, *, path: str | None = None, document: dict[str, Any] | None = DOCUMENT
) -> UUID:
    """As the earlier system left it: the document in the row, or only a path."""
    job_id = uuid4()
    async with database.transaction() as transaction:
        await transaction.execute(
            """insert into training_results
                   (session_id, user_id, job_id, status, results, results_file_path, results_metadata)
               values ($1, $2, $3, 'completed', $4, $5, $6)""",
            *(owned.session_id, owned.user_id, job_id, None if path else document, path, METADATA),
        )
    return job_id


async def get(results: FastAPI, servers: LocalServers, owned: Owned, path: str, **options: Any) -> httpx.Response:
    async with caller(results, servers, owned.user_id) as client:
        return await client.get(f"/api/training/{path}".replace("SESSION", owned.session_id), **options)


async def test_000_76_a_document_in_its_row_is_read_the_same_way(
    servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    await old_row(database, owned)

    listed = await get(results, servers, owned, "results/SESSION")
    inline = await get(results, servers, owned, "results/SESSION?include=data")
    packed = await get(results, servers, owned, "results/SESSION/download")
    tag = {"If-None-Match": inline.headers["etag"]}

    assert listed.json()["results"][0]["resultsMetadata"] == METADATA
    assert listed.json()["results"][0]["formats"] == ["json.gz"]
    assert inline.json() == json.loads(gzip.decompress(packed.content)) == DOCUMENT
    assert (await get(results, servers, owned, "results/SESSION?include=data", headers=tag)).status_code == 304


async def test_000_76_a_document_at_a_path_without_a_checksum_is_read_with_ranges(
    servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    path = f"{owned.session_id}/training_results_20230101_000000.json.gz"
    await old_row(database, owned, path=path)
    body = gzip.compress(json.dumps(DOCUMENT).encode())
    await results.state.service.store.put(TRAINING_RESULTS, path, body)

    whole = await get(results, servers, owned, "results/SESSION/download")
    part = await get(results, servers, owned, "results/SESSION/download", headers={"Range": "bytes=0-9"})
    inline = await get(results, servers, owned, "results/SESSION?include=data")
    redirect = await get(results, servers, owned, "results/SESSION/download?delivery=redirect")

    assert (whole.content, part.content) == (body, body[:10])
    assert inline.json() == DOCUMENT
    assert redirect.status_code == 302


@pytest.mark.parametrize("form", ["parquet", "csv", "zip"])
async def test_what_an_old_result_does_not_have_is_said_with_what_it_has(
    form: str, servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    await old_row(database, owned)

    answer = await get(results, servers, owned, f"results/SESSION/download?format={form}")

    assert answer.status_code == 404
    assert any("json.gz" in advice for advice in answer.json()["recovery"])


async def test_an_old_result_has_no_url_of_its_own(servers: LocalServers, database: Database, results: FastAPI) -> None:
    owned = await make_session(database, status="completed")
    await old_row(database, owned)

    answer = await get(results, servers, owned, "results/SESSION/download?delivery=redirect")

    assert (answer.status_code, answer.json()["category"]) == (422, "DATA_VALIDATION")


async def test_000_76_pictures_in_their_rows_are_listed_among_the_others(
    servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    picture = base64.b64encode(b"\x89PNG").decode()
    async with database.transaction() as transaction:
        for number in range(3):
            await transaction.execute(
                """insert into training_visualizations (session_id, user_id, plot_name, plot_type, plot_data_base64)
                   values ($1, $2, $3, 'violin', $4)""",
                *(owned.session_id, owned.user_id, f"plot {number}", picture),
            )

    first = (await get(results, servers, owned, "visualizations/SESSION?limit=2")).json()
    rest = (
        await get(results, servers, owned, "visualizations/SESSION", params={"limit": 2, "cursor": first["nextCursor"]})
    ).json()

    assert [one["plotName"] for one in (*first["items"], *rest["items"])] == ["plot 0", "plot 1", "plot 2"]
    assert {one["dataBase64"] for one in first["items"]} == {picture}
    assert rest["nextCursor"] is None


async def test_an_old_row_without_a_document_says_so(
    servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    await old_row(database, owned, document=None)

    answer = await get(results, servers, owned, "results/SESSION?include=data")

    assert (answer.status_code, answer.json()["category"]) == (404, "NOT_FOUND")


async def test_000_77_pictures_in_their_rows_go_with_the_results(
    servers: LocalServers, database: Database, results: FastAPI
) -> None:
    owned = await make_session(database, status="completed")
    await old_row(database, owned)
    async with database.transaction() as transaction:
        for name, data, path in (("old", "aGk=", None), ("violin_inputs", None, "x/plots/violin_inputs.png")):
            await transaction.execute(
                """insert into training_visualizations
                       (session_id, user_id, plot_name, plot_type, plot_data_base64, storage_path)
                   values ($1, $2, $3, 'violin', $4, $5)""",
                *(owned.session_id, owned.user_id, name, data, path),
            )

    async with caller(results, servers, owned.user_id) as client:
        removed = await client.delete(f"/api/training/results/{owned.session_id}")

    assert removed.json()["results"] == 1
    left = (await get(results, servers, owned, "visualizations/SESSION")).json()["items"]
    assert [one["plotName"] for one in left] == ["violin_inputs"]
