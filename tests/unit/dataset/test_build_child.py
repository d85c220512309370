"""The child process that makes a dataset: what it writes, and that its memory has a bound."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from services.dataset.building import build
from services.dataset.smaller import smaller_dataset
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


@pytest.mark.parametrize("kind", ["minmax", "standard", "robust"])
def test_f78_every_phase_goes_from_block_to_block_to_its_end_and_never_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("shared.series.maker._BLOCK_VALUES", 1000)
    asked = specification(tmp_path)
    asked["configuration"]["scaling"] = {"kind": kind}
    asked["configuration"]["split"] = {"backtest": {"folds": 2}}
    told: list[dict[str, Any]] = []

    build(asked, told.append)

    phases = [entry["phase"] for entry in told]
    assert sorted(phases, key=["windowing", "scaling", "plots"].index) == phases
    for phase in ("windowing", "scaling", "plots"):
        shares = [entry["fraction"] for entry in told if entry["phase"] == phase]
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] == pytest.approx(1.0)
    assert phases.count("windowing") > 5
    assert phases.count("scaling") > 10


async def test_what_is_advised_where_memory_does_not_suffice_suffices(tmp_path: Path) -> None:
    children = Children("services.dataset.build_child", what="Making", advice=smaller_dataset)
    hours, enough = 1_200_000, 160 << 20

    with pytest.raises(ProblemError) as raised:
        await children.run(specification(tmp_path, hours=hours, memory_bytes=enough))
    advised = re.search(r"at most (\d+) rows of 'load.csv', which has 1200000,", raised.value.problem.recovery[0])
    assert advised
    answer = await children.run(specification(tmp_path, hours=int(advised[1]), memory_bytes=enough))
    await children.stop()

    assert answer["manifest"]["windows"] > 200_000
    assert raised.value.problem.recovery[1] == "Raise time_steps.step_minutes from 60 to 240."
    assert "FORETIDE_DATASET_MEMORY_BYTES from 160 to 640 MiB" in raised.value.problem.recovery[2]
    assert raised.value.problem.technical_details == {"memory_bytes": enough}


async def test_f74_more_memory_than_it_may_take_is_a_problem_and_costs_the_child_alone(tmp_path: Path) -> None:
    children = Children("services.dataset.build_child", what="Making")
    with pytest.raises(ProblemError) as raised:
        await children.run(specification(tmp_path, hours=200_000, memory_bytes=1 << 20))
    await children.stop()
    assert raised.value.problem.category is Category.RESOURCE_EXHAUSTION
