"""The Parquet table of results: equal to the last bit, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.results import columnar
from services.results.columnar import open_table, write_table
from services.results.groups import Chosen, Groups

ODD = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1.1], np.float64)


def _equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray | Chosen]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == array.dtype and found[name].tobytes() == array[:].tobytes()
        for name, array in expected.items()
    )


def _group(windows: int, **members: np.ndarray) -> dict[str, np.ndarray]:
    return {"reference_times": np.arange(windows) * 10**9, **members}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_f49_every_array_comes_back_with_all_its_bits(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.parquet"
    steps, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    groups: Groups = {}
    for name in ("train_data", "val_data"):
        windows = data.draw(st.integers(0, 9))
        bits = data.draw(hnp.arrays(np.uint32, (windows, steps, columns)))
        groups[name] = _group(windows, X=bits.view(np.float32))
    windows = data.draw(st.integers(0, 9))
    groups["forecasts"] = _group(windows, forecast=data.draw(hnp.arrays(np.float64, (windows, steps))))

    write_table(path, {"model_type": "Dense"}, groups, {"forecasts": {"offsets": np.arange(steps)}})

    table = open_table(path)
    assert table.head == {"model_type": "Dense"}
    for name in ("train_data", "val_data"):
        assert _equal(table.read(name), groups[name])
    assert _equal(table.read("forecasts"), {**groups["forecasts"], "offsets": np.arange(steps)})


def test_what_is_no_number_and_negative_zero_stay_what_they_are(tmp_path: Path) -> None:
    groups: Groups = {"forecasts": _group(7, forecast=ODD[:, None], level=ODD)}

    write_table(tmp_path / "t", {}, groups, {})

    assert _equal(open_table(tmp_path / "t").read("forecasts"), groups["forecasts"])


def test_it_is_written_in_blocks_and_read_by_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_VALUES_AT_ONCE", 7)
    values = np.random.default_rng(0).random((50, 3, 2), np.float32)
    chosen = np.array([4, 2, 40, 41, 42], np.int64)
    groups: Groups = {"train_data": {"X": values}, "test_data": {"X": Chosen(values, chosen)}}

    write_table(tmp_path / "t", {}, groups, {})

    table = open_table(tmp_path / "t")
    assert (table.windows("train_data"), table.windows("test_data")) == (50, 5)
    assert np.array_equal(table.read("test_data")["X"], values[chosen])
    assert np.array_equal(table.read("train_data", "X", start=10, stop=13)["X"], values[10:13])
    assert np.array_equal(table.read("test_data", "X", start=3)["X"], values[chosen[3:]])
    assert table.read("test_data", "X", start=5)["X"].shape == (0, 3, 2)


def test_any_reader_of_parquet_finds_its_way(tmp_path: Path) -> None:
    truth = np.array([[1.0, 2.0], [3.0, 4.0]])
    groups: Groups = {"test_data": _group(2, X=np.ones((2, 4), np.float32)), "forecasts": _group(2, truth=truth)}
    write_table(tmp_path / "t", {}, groups, {})

    frame = pl.read_parquet(tmp_path / "t").filter(pl.col("group") == "forecasts")

    assert frame["truth"].to_list() == truth.tolist()
    assert frame["reference_times"].dt.to_string("%FT%T").to_list() == ["1970-01-01T00:00:00", "1970-01-01T00:00:01"]
    assert frame["X"].null_count() == 2


@pytest.mark.parametrize(
    "groups",
    [
        {"train_data": {"X": np.ones((2, 3)), "y": np.ones((1, 3))}},
        {"train_data": {"X": np.ones((2, 3))}, "test_data": {"X": np.ones((2, 4))}},
        {"train_data": {"X": np.ones((2, 3))}, "test_data": {"X": np.ones((2, 3), np.float32)}},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(groups: Groups, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the arrays of a group|same type and shape"):
        write_table(tmp_path / "t", {}, groups, {})


def test_another_file_is_not_taken_for_a_table(tmp_path: Path) -> None:
    pl.DataFrame({"X": [1]}).write_parquet(tmp_path / "other")

    with pytest.raises(ValueError, match="version None"):
        open_table(tmp_path / "other")


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    groups: Groups = {"forecasts": _group(3, truth=np.random.default_rng(1).random((3, 2)))}

    for name in ("one", "other"):
        write_table(tmp_path / name, {"a": 1}, groups, {})

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
