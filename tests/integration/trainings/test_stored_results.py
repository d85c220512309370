"""What becomes of a run's results: documents, tables, files, plots, comparison, and the model that is served."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import keras
import numpy as np
import pytest

from services.results.columnar import open_table
from shared.database.pool import Database
from shared.storage.errors import StoreUnavailable
from tests.integration.apps import caller
from tests.integration.trainings.stored import Stored

pytestmark = pytest.mark.integration


async def test_000_53_the_document_the_table_and_the_trainers_arrays_say_the_same(
    stored: Stored, tmp_path: Path
) -> None:
    dense = await stored.job("Dense")
    packed = await stored.get("/api/training/results/SESSION/download", params={"jobId": dense})
    table = await stored.get("/api/training/results/SESSION/download", params={"jobId": dense, "format": "parquet"})
    (tmp_path / "table.parquet").write_bytes(table.content)

    document = json.loads(gzip.decompress(packed.content))
    opened = open_table(tmp_path / "table.parquet")

    assert document["model_type"] == opened.head["model_type"] == "Dense"
    assert document["training_split"]["train"] == 0.7
    for group in ("train_data", "val_data", "test_data", "forecasts"):
        for name, array in opened.read(group).items():
            assert np.array_equal(np.array(document[group][name], array.dtype), array), (group, name)
    inline = await stored.get("/api/training/results/SESSION", params={"include": "data", "jobId": dense})
    assert inline.json() == document


async def test_plain_keras_makes_the_stored_forecasts_of_what_is_downloaded(stored: Stored, tmp_path: Path) -> None:
    dense = await stored.job("Dense")
    scalers = (await stored.get(f"/api/training/results/SESSION/models/{dense}", params={"format": "scalers"})).json()[
        "targets"
    ]
    table = await stored.get("/api/training/results/SESSION/download", params={"jobId": dense, "format": "parquet"})
    (tmp_path / "t").write_bytes(table.content)
    opened = open_table(tmp_path / "t")
    inputs, expected = opened.read("test_data", "X")["X"], opened.read("forecasts", "forecast")["forecast"]

    for form in ("keras", "h5"):
        answer = await stored.get(f"/api/training/results/SESSION/models/{dense}", params={"format": form})
        (tmp_path / f"m.{form}").write_bytes(answer.content)
        scaled = keras.saving.load_model(tmp_path / f"m.{form}", compile=False).predict(inputs, verbose=0)[..., 0]
        [scaler] = scalers
        low, high, centre, width = (scaler[name] for name in ("low", "high", "centre", "width"))
        np.testing.assert_allclose((scaled - low) / (high - low) * width + centre, expected, rtol=1e-5)


async def test_a_format_that_a_model_does_not_have_is_refused_with_the_one_it_has(stored: Stored) -> None:
    linear = await stored.job("Linear")
    for form in ("h5", "keras", "scalers.skops"):
        answer = await stored.get(f"/api/training/results/SESSION/models/{linear}", params={"format": form})
        assert answer.status_code in (404, 422)
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_forecasts_as_csv_have_a_row_for_each_window_and_step(stored: Stored, tmp_path: Path) -> None:
    linear = await stored.job("Linear")
    answer = await stored.get("/api/training/results/SESSION/download", params={"jobId": linear, "format": "csv"})
    table = await stored.get("/api/training/results/SESSION/download", params={"jobId": linear, "format": "parquet"})
    (tmp_path / "t").write_bytes(table.content)
    arrays = open_table(tmp_path / "t").read("forecasts")

    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert list(rows[0]) == [
        *("reference_time", "step", "time", "actual", "forecast", "lower_90", "upper_90"),
        *("last_value", "seasonal_naive", "training_mean"),
    ]
    assert [float(row["forecast"]) for row in rows] == arrays["forecast"].ravel().tolist()
    first = datetime.fromisoformat(rows[0]["reference_time"])
    assert first.timestamp() * 1e9 == arrays["reference_times"][0]
    assert (datetime.fromisoformat(rows[1]["time"]) - first).total_seconds() * 1e9 == arrays["offsets"][1]
    assert [row["step"] for row in rows[:25]] == [str(step) for step in (*range(1, 25), 1)]


async def test_the_zip_has_everything_of_the_run_and_nothing_of_another(stored: Stored) -> None:
    answer = await stored.get(
        "/api/training/results/SESSION/download", params={"jobId": await stored.job("Dense"), "format": "zip"}
    )

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        models = json.loads(archive.read("models.json"))
    assert sorted(model["model_type"] for model in models) == ["Dense", "Linear"]
    folders = {name.partition("/")[0] for name in names if "/" in name}
    assert {folder.partition("_")[0] for folder in folders} == {"Dense", "Linear"}
    kinds = {name.rpartition(".")[2] for name in names}
    assert kinds >= {"json", "gz", "parquet", "keras", "h5", "skops", "png", "npz"}


async def test_stored_files_have_ranges_tags_and_urls(stored: Stored) -> None:
    path, options = "/api/training/results/SESSION/download", {"format": "parquet"}
    whole = await stored.get(path, params=options)
    tag = whole.headers["etag"]

    part = await stored.get(path, params=options, headers={"Range": "bytes=4-9", "If-Range": tag})
    other = await stored.get(path, params=options, headers={"Range": "bytes=4-9", "If-Range": '"another"'})
    unchanged = await stored.get(path, params=options, headers={"If-None-Match": tag})
    redirect = await stored.get(path, params={**options, "delivery": "redirect"})

    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert (other.status_code, other.content) == (200, whole.content)
    assert unchanged.status_code == 304
    assert redirect.status_code == 302
    followed = await stored.get(redirect.headers["location"])
    assert followed.content == whole.content
    assert "attachment" in followed.headers["content-disposition"]


@pytest.mark.parametrize("plot", ["loss_curve", "predictions", "residuals", "error_by_step"])
async def test_each_plot_is_a_picture_and_data(plot: str, stored: Stored) -> None:
    path, dense = f"/api/training/visualizations/SESSION/{plot}", await stored.job("Dense")

    picture = await stored.get(path, params={"jobId": dense})
    data = (await stored.get(path, params={"jobId": dense, "format": "json"})).json()

    assert picture.content.startswith(b"\x89PNG")
    assert data["plot"] == plot
    for panel in data["panels"]:
        assert all(len(series["values"]) == len(panel["x"]) > 0 for series in panel["series"])


async def test_predictions_of_chosen_windows_axes_and_scales(stored: Stored) -> None:
    path = "/api/training/visualizations/SESSION/predictions"
    jobs = [await stored.job("Dense"), await stored.job("Linear")]

    def names(panel: dict[str, Any]) -> list[str]:
        return [series["name"] for series in panel["series"]]

    common = (await stored.get(path, params={"jobId": jobs, "window": [5, 3], "format": "json"})).json()
    separate = (
        await stored.get(
            path, params={"jobId": jobs, "window": 5, "axes": "separate", "axis": "step", "format": "json"}
        )
    ).json()
    scaled = (await stored.get(path, params={"window": 5, "scale": "scaled", "format": "json"})).json()
    missing = await stored.get(path, params={"window": 100_000})
    too_many = await stored.get(path, params={"jobId": jobs, "window": list(range(13)), "axes": "separate"})

    assert [panel["title"].partition(",")[0] for panel in common["panels"]] == ["window 5", "window 3"]
    assert names(common["panels"][0]) == ["actual (load)", "forecast (Dense, load)", "forecast (Linear, load)"]
    assert [names(panel) for panel in separate["panels"]] == [["actual", "forecast", "seasonal naive"]] * 2
    assert separate["panels"][0]["x"] == list(range(1, 25))
    assert all(-0.5 < value < 1.5 for value in scaled["panels"][0]["series"][0]["values"])
    assert (missing.status_code, missing.json()["category"]) == (422, "DATA_VALIDATION")
    assert (too_many.status_code, "24" in too_many.json()["detail"]) == (422, True)


async def test_f46_runs_stay_as_they_were_and_are_compared(stored: Stored) -> None:
    both = (await stored.get("/api/training/results/SESSION/comparison", params={"run": [1, 2]})).json()
    newest = (await stored.get("/api/training/results/SESSION/comparison")).json()
    missing = await stored.get("/api/training/results/SESSION/comparison", params={"run": 3})

    assert [[model["model"] for model in run["models"]] for run in both["runs"]][1] == ["DLinear"]
    assert {model["model"] for model in both["runs"][0]["models"]} == {"Linear", "Dense"}
    assert both["comparable"] is True
    assert both["bestRun"] in (1, 2)
    assert [run["run"] for run in newest["runs"]] == [2, 1]
    assert missing.status_code == 404


async def test_f46_the_served_model_moves_with_each_run_unless_a_person_has_pinned_one(stored: Stored) -> None:
    path = f"/api/training/results/{stored.owned.session_id}/served"
    dense, dlinear = await stored.job("Dense"), await stored.job("DLinear")

    by_run = (await stored.get("/api/training/results/SESSION")).json()["served"]
    async with stored.client() as client:
        pinned = (await client.put(path, json={"jobId": dense})).json()
        missing = await client.put(path, json={"jobId": str(uuid4())})
        back = (await client.put(path, json={"jobId": None})).json()

    assert [(one["target"], one["jobId"], one["run"], one["pinned"]) for one in by_run] == [("load", dlinear, 2, False)]
    assert [(one["jobId"], one["run"], one["pinned"]) for one in pinned] == [(dense, 1, True)]
    assert missing.status_code == 404
    assert [(one["jobId"], one["pinned"]) for one in back] == [(dlinear, False)]


async def test_results_are_listed_page_by_page_newest_first(stored: Stored) -> None:
    whole = (await stored.get("/api/training/results/SESSION")).json()
    pages, cursor = [], None
    while True:
        page = (await stored.get("/api/training/results/SESSION", params={"limit": 2, "cursor": cursor})).json()
        pages.append([one["resultId"] for one in page["results"]])
        if (cursor := page["nextCursor"]) is None:
            break

    assert [len(page) for page in pages] == [2, 1]
    assert [one for page in pages for one in page] == [one["resultId"] for one in whole["results"]]
    assert whole["results"][0]["resultsMetadata"]["model_type"] == "DLinear"


async def test_metadata_answer_while_the_store_is_away_and_say_so_and_data_are_refused_at_once(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> bool:
        return False

    async def refused(*_: object, **__: object) -> AsyncIterator[bytes]:
        raise StoreUnavailable("it does not answer")
        yield b""

    store = stored.results.state.service.store
    monkeypatch.setattr(type(store), "ready", away)
    monkeypatch.setattr(type(store), "get", refused)
    monkeypatch.setattr(stored.results.state.store_watch, "_asked_at", float("-inf"))

    metadata = await stored.get("/api/training/results/SESSION")
    data = await stored.get("/api/training/results/SESSION", params={"include": "data"})

    assert metadata.status_code == 200
    assert metadata.json()["dataAvailable"] is False
    assert len(metadata.json()["results"]) == 3
    assert (data.status_code, data.json()["category"]) == (503, "STORAGE_UNAVAILABLE")


async def test_f39_a_results_row_stays_small_whatever_is_stored(stored: Stored, database: Database) -> None:
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            """select results, length(result::text) as characters, file_size_bytes from training_results result
               where session_id = $1""",
            stored.owned.session_id,
        )
    assert len(rows) == 3
    for row in rows:
        assert row["results"] is None
        assert row["characters"] < 20_000 < row["file_size_bytes"]


async def test_f40_lists_stay_small_and_what_is_large_is_streamed_or_has_a_url(stored: Stored) -> None:
    listed = await stored.get("/api/training/results/SESSION")
    too_many = await stored.get("/api/training/results/SESSION", params={"limit": 1000})

    assert len(listed.content) < 64_000
    assert too_many.status_code == 422
    plots = (await stored.get("/api/training/visualizations/SESSION")).json()["items"]
    assert all(plot["url"] and plot["dataBase64"] is None for plot in plots)


async def test_f44_f48_what_is_stored_is_listed_by_name_and_none_of_it_is_a_pickle(
    stored: Stored, database: Database
) -> None:
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "select artifacts from training_results where session_id = $1", stored.owned.session_id
        )
    for row in rows:
        assert {"document", "table", "model", "scalers", "loss_curve", "predictions"} <= row["artifacts"].keys()
        for kept in row["artifacts"].values():
            assert kept["key"].rpartition(".")[2] in {"json", "gz", "parquet", "npz", "keras", "h5", "skops", "png"}
            head = b"".join([block async for block in stored.store.get(kept["bucket"], kept["key"], start=0, end=2)])
            assert head != b"\x80\x04", "a pickle begins so"


@pytest.mark.parametrize(
    "path",
    [
        "/api/training/results/SESSION",
        "/api/training/results/SESSION/download?format=parquet",
        "/api/training/results/SESSION/download?format=csv",
        "/api/training/results/SESSION/download?format=zip",
        "/api/training/results/SESSION/download?delivery=redirect",
        "/api/training/results/SESSION/comparison",
        "/api/training/visualizations/SESSION",
        "/api/training/visualizations/SESSION/predictions",
    ],
)
async def test_another_users_results_are_not_there(path: str, stored: Stored) -> None:
    async with caller(stored.results, stored.servers) as stranger:
        answer = await stranger.get(path.replace("SESSION", stored.owned.session_id))
        moved = await stranger.put(
            f"/api/training/results/{stored.owned.session_id}/served", json={"jobId": await stored.job("Dense")}
        )
    assert (answer.status_code, moved.status_code) == (404, 404)
