"""The results document: valid JSON, every number in it exact, small."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from benchmarks.offload_way import arrays
from services.results.document import write_document
from services.results.groups import Groups

HEAD = {"model_type": "Dense", "metrics": {"rmse": 1.5}, "dataset_count": 3}
NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _read(path: Path) -> dict[str, Any]:
    """As RFC 8259 has it: no NaN, no Infinity."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()), parse_constant=refuse)
    return found


def _array(group: dict[str, Any], name: str, like: np.ndarray) -> np.ndarray:
    """By the document's own words."""
    values = np.array(group[name], np.float64).ravel()
    for number, places in group.get("non_finite", {}).get(name, {}).items():
        values[places] = NUMBERS[number]
    return values.reshape(like.shape).astype(like.dtype)


@settings(max_examples=60, deadline=None)
@given(values=hnp.arrays(np.uint32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=7)))
def test_every_number_comes_back_exactly(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("document") / "d"
    array = values.view(np.float32)

    write_document(path, HEAD, {"train_data": {"X": array}}, {})

    found = _read(path)
    assert {name: found[name] for name in HEAD} == HEAD
    back = _array(found["train_data"], "X", array)
    # Of what is no number, JSON cannot say which of its many bit patterns it was.
    np.testing.assert_array_equal(back, array)
    assert np.array_equal(np.signbit(back[array == 0]), np.signbit(array[array == 0]))


def test_what_is_no_number_is_null_and_named_beside(tmp_path: Path) -> None:
    forecast = np.array([[1.0, math.nan], [math.inf, -math.inf], [math.nan, 2.0]])

    write_document(tmp_path / "d", {}, {"forecasts": {"forecast": forecast}}, {"forecasts": {"offsets": np.arange(2)}})

    assert _read(tmp_path / "d")["forecasts"] == {
        "forecast": [[1.0, None], [None, None], [None, 2.0]],
        "offsets": [0, 1],
        "non_finite": {"forecast": {"NaN": [1, 4], "Infinity": [2], "-Infinity": [3]}},
    }


def test_places_count_on_beyond_the_first_block(tmp_path: Path) -> None:
    values = np.zeros((1000, 2))
    values[999, 1] = math.nan

    write_document(tmp_path / "d", {}, {"a": {"x": values}}, {})

    assert _read(tmp_path / "d")["a"]["non_finite"] == {"x": {"NaN": [1999]}}


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_document(tmp_path / name / "d", HEAD, {"a": {"x": np.arange(9.0)}}, {})

    assert (tmp_path / "one/d").read_bytes() == (tmp_path / "other/d").read_bytes()


@pytest.mark.parametrize(("windows", "most_bytes"), [(468, 1_000_000), (92_820, 20_000_000)])
def test_000_49_and_50_documents_of_that_many_windows_are_small(windows: int, most_bytes: int, tmp_path: Path) -> None:
    groups = arrays(windows, "chronological")

    write_document(tmp_path / "d", {**HEAD, "dataset_count": windows}, groups, {})

    assert (tmp_path / "d").stat().st_size < most_bytes


def test_000_51_a_thousand_windows_come_back_equal(tmp_path: Path) -> None:
    groups = arrays(1000, "shuffled")

    write_document(tmp_path / "d", HEAD, groups, {})

    found = _read(tmp_path / "d")
    assert found["model_type"] == "Dense"
    assert found["metrics"] == HEAD["metrics"]
    for name, members in groups.items():
        for member, array in members.items():
            assert np.array(found[name][member], array.dtype).tobytes() == array[:].tobytes()


def test_000_52_ten_thousand_windows_shrink_by_more_than_seventy_percent(tmp_path: Path) -> None:
    groups: Groups = arrays(10_000, "chronological")

    write_document(tmp_path / "d", HEAD, groups, {})

    plain = gzip.decompress((tmp_path / "d").read_bytes())
    assert (tmp_path / "d").stat().st_size < 0.3 * len(plain)
