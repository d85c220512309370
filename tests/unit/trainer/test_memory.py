"""Memory ran out: the problem says what takes how much, and what to lower to what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.trainer.memory import out_of_memory, smaller_job
from shared.problems import Category, Problem
from shared.runtime.memory_limit import memory_limit
from shared.series.model_parameters import parse_model


def problem_of(folder: Path, model: dict[str, Any], *, windows: int = 50_000, steps: int = 96) -> Problem:
    manifest = {
        "shapes": {"inputs": [windows, steps, 5], "targets": [windows, 24, 2]},
        "split": {"train": windows},
        "reference_step_minutes": 15.0,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return out_of_memory(model, str(path), title="It died", detail="It was killed.").problem


def changes_of(problem: Problem) -> list[dict[str, Any]]:
    """The alternatives, each as settings and values."""
    assert problem.technical_details is not None
    return [change["set"] for change in problem.technical_details["changes"]]


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "LSTM", "units": 256, "batch_size": 2048},
        {"kind": "Dense", "layers": [4096, 4096, 1024]},
        {"kind": "CNN", "filters": 512, "batch_size": 4096},
        {"kind": "SVRMIMO", "max_samples": 6500},
        {"kind": "LightGBM", "trees": 5000, "leaves": 2000},
    ],
)
def test_each_change_leaves_a_quarter_of_what_the_model_took(tmp_path: Path, model: dict[str, Any]) -> None:
    problem = problem_of(tmp_path, model, windows=500)
    assert problem.category is Category.RESOURCE_EXHAUSTION
    assert problem.technical_details is not None
    took = problem.technical_details["model_bytes"]

    for change in changes_of(problem):
        if "time_steps.step_minutes" in change:
            continue
        smaller = problem_of(tmp_path, parse_model({**model, **change}).model_dump(), windows=500)
        assert smaller.technical_details is not None
        assert smaller.technical_details["model_bytes"] <= took / 4


def test_the_batch_is_named_first_and_with_both_numbers(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, {"kind": "LSTM", "units": 256, "batch_size": 2048})

    assert problem.recovery[0] == "Lower batch_size from 2048 to 256."
    assert "LSTM about" in problem.detail
    assert problem.recovery[-1].startswith("Or give each worker more memory than ")


def test_where_the_windows_take_most_fewer_of_them_come_first(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, {"kind": "Dense", "layers": 1, "units": 16}, windows=2_000_000)

    assert problem.recovery[0] == "Raise time_steps.step_minutes from 15 to 60."
    assert problem.technical_details is not None
    assert problem.technical_details["windows_bytes"] == 2_000_000 * (96 * 5 + 24) * 4


def test_of_an_ensemble_the_largest_members_are_named(tmp_path: Path) -> None:
    members = [{"kind": "Linear"}, {"kind": "Dense", "layers": 2, "units": 2048}]

    problem = problem_of(tmp_path, {"kind": "Ensemble", "members": members}, windows=500)

    assert next(iter(changes_of(problem)[0])) == "members.1.units"


def test_of_a_job_whose_workers_were_lost_the_same_share_is_asked_for() -> None:
    advice = smaller_job({"parameters": {"kind": "LSTM", "units": 256, "batch_size": 2048}})  # type: ignore[arg-type]

    assert advice[0] == "Lower batch_size from 2048 to 256."
    assert smaller_job({"parameters": {"kind": "Linear"}})  # type: ignore[arg-type]


def test_the_limit_is_what_there_is(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, {"kind": "Linear"})

    assert problem.technical_details is not None
    assert problem.technical_details["memory_bytes"] == memory_limit() > 2**28
