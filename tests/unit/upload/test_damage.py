"""A thousand spoiled files: each is refused with a reason, or read as it stands; nothing else ever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.unit.upload.damage import DAMAGES

FILES = 1040
_GROWTH_MEBIBYTES = 250
_INTERNALS = ("Traceback", "polars", "ComputeError", "SchemaError", "codec", "/tmp")


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.upload.damage_child", "0", str(FILES)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert child.returncode == 0, child.stderr
    return [json.loads(line) for line in child.stdout.splitlines()]


@pytest.fixture(scope="module")
def outcomes(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return told[:-1]


def test_a_thousand_files_of_every_kind_were_tried(outcomes: list[dict[str, Any]]) -> None:
    assert len(outcomes) == FILES
    assert len({outcome["damage"] for outcome in outcomes}) == len(DAMAGES)


def test_every_refusal_names_the_file_and_what_to_do(outcomes: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        if problem := outcome.get("problem"):
            assert problem["category"] == "DATA_VALIDATION", outcome
            assert problem["status"] == 422, outcome
            assert "'load.csv'" in problem["detail"], outcome
            assert problem["recovery"], outcome
            assert not any(word in json.dumps(problem) for word in _INTERNALS), outcome


def test_every_refusal_points_into_the_file_and_at_the_damage(outcomes: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        line = (outcome.get("problem") or {"technical_details": {}})["technical_details"].get("line")
        assert line is None or 1 <= line <= outcome["lines"], outcome
        if "problem" in outcome and outcome["line"] is not None:
            assert line == outcome["line"], outcome
            assert f"line {line}" in outcome["problem"]["detail"], outcome


def test_f13_what_cannot_be_read_rightly_is_never_read(outcomes: list[dict[str, Any]]) -> None:
    assert [outcome for outcome in outcomes if outcome["must_refuse"] and "problem" not in outcome] == []


def test_f14_what_is_read_has_every_whole_row_and_accounts_for_the_others(outcomes: list[dict[str, Any]]) -> None:
    read = [outcome for outcome in outcomes if "read" in outcome]
    assert len(read) > FILES // 10
    for outcome in read:
        assert outcome["read"] == [], outcome
        rows, canonical, duplicates, rejected = outcome["rows"]
        assert rows == canonical + duplicates + rejected, outcome


def test_nothing_is_left_behind(outcomes: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        assert outcome["left"] == (["canonical.parquet", "upload"] if "read" in outcome else ["upload"]), outcome


def test_memory_stays_bounded(told: list[dict[str, Any]]) -> None:
    assert told[-1]["grown_mebibytes"] < _GROWTH_MEBIBYTES
