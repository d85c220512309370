"""The child process that makes a dataset: what it writes, and that its memory has a bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from services.dataset.building import build
from shared.problems import Category, ProblemError
from shared.runtime.child import Children
from shared.series.artifact import read_dataset
from tests.unit.series.examples import document, hourly


def specification(folder: Path, *, hours: int = 300, memory_bytes: int = 1 << 30) -> dict[str, Any]:
    files = []
    for seed, name in enumerate(("load", "temperature")):
        series, path = hourly(hours, seed=seed), folder / f"{name}.parquet"
        times = pl.Series("time", series.times).cast(pl.Datetime("ns", "UTC"))
        pl.DataFrame({"time": times, "value": series.values}).write_parquet(path)
        files.append({"id": name, "name": f"{name}.csv", "path": str(path), "sha256": str(seed) * 64})
    configuration = document()
    for entry in configuration["series"]:
        entry |= {"value_column": "value", "unit": "kW"}
    return {"configuration": configuration, "files": files, "folder": str(folder), "memory_bytes": memory_bytes}


def test_it_writes_the_dataset_its_manifest_scalers_and_plots(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    answer = build(specification(tmp_path), told.append)

    manifest = orjson.loads((tmp_path / "manifest.json").read_bytes())
    assert answer == {"plots": ["violin_inputs", "violin_targets"], "manifest": manifest}
    assert read_dataset(tmp_path / "dataset.npz", manifest).inputs_scaled.shape == (291, 7, 2)
    assert {entry["feature"] for entry in manifest["distributions"]["inputs"]} == {"load", "temp"}
    assert manifest["distributions"]["targets"][0]["unit"] == "kW"
    for name in ("scalers.skops", "violin_inputs.png", "violin_targets.png"):
        assert (tmp_path / name).stat().st_size > 0
    progress = [entry["progress"] for entry in told]
    assert progress == sorted(progress)


async def test_f74_more_memory_than_it_may_take_is_a_problem_and_costs_the_child_alone(tmp_path: Path) -> None:
    children = Children("services.dataset.build_child", what="Making")
    with pytest.raises(ProblemError) as raised:
        await children.run(specification(tmp_path, hours=200_000, memory_bytes=1 << 20))
    await children.stop()
    assert raised.value.problem.category is Category.RESOURCE_EXHAUSTION
