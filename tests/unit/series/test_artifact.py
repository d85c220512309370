"""A dataset at rest: the same bytes for the same input, mapped rather than read, known by its content."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from shared.series.artifact import read_dataset, write_dataset
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.fingerprint import fingerprint
from shared.series.manifest import make_manifest
from shared.series.npz import ArrayWriter, map_arrays
from tests.unit.series.examples import document, hourly

HASHES = {"load": "a" * 64, "temperature": "b" * 64}
FEATURES = {"time_features": {"day": {"local": True}, "holiday": {"country": "AT"}}, "timezone": "Europe/Vienna"}


def built(**changes: Any) -> tuple[Configuration, Dataset]:
    configuration = parse_configuration(document(**{**FEATURES, **changes}))
    return configuration, build_dataset(configuration, {0: hourly(300), 1: hourly(300, seed=1), 2: hourly(300)})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    configuration, dataset = built()
    sha256 = write_dataset(tmp_path / "dataset.npz", dataset)
    manifest = orjson.loads(orjson.dumps(make_manifest(configuration, dataset, HASHES, sha256)))

    stored = read_dataset(tmp_path / "dataset.npz", manifest)

    assert np.array_equal(stored.inputs_scaled, dataset.array("inputs_scaled", np.float32))
    assert np.array_equal(stored.targets, dataset.array("targets"))
    assert np.array_equal(stored.reference_times, dataset.reference_times)
    assert {name: indices.tolist() for name, indices in stored.parts.items()} == {
        name: getattr(dataset.parts, name).tolist() for name in ("train", "validation", "test")
    }
    assert np.array_equal(stored.histories[0].values, hourly(300).values)
    assert stored.target_scalers == dataset.scalers["targets"]


def test_numpy_itself_reads_it_too(tmp_path: Path) -> None:
    _, dataset = built()
    write_dataset(tmp_path / "dataset.npz", dataset)
    mapped = map_arrays(tmp_path / "dataset.npz")
    with np.load(tmp_path / "dataset.npz", allow_pickle=False) as loaded:
        assert set(loaded.files) == set(mapped)
        assert all(np.array_equal(loaded[name], mapped[name]) for name in loaded.files)


def test_arrays_are_mapped_aligned_and_read_only(tmp_path: Path) -> None:
    _, dataset = built()
    write_dataset(tmp_path / "dataset.npz", dataset)
    for name, array in map_arrays(tmp_path / "dataset.npz").items():
        assert isinstance(array.base, np.memmap), name
        assert array.ctypes.data % 64 == 0, name
        assert not array.flags.writeable, name


def test_the_manifest_says_what_the_arrays_are(tmp_path: Path) -> None:
    configuration, dataset = built(split={"backtest": {"folds": 2}})
    sha256 = write_dataset(tmp_path / "dataset.npz", dataset)

    manifest = make_manifest(configuration, dataset, HASHES, sha256)

    assert sha256 == hashlib.sha256((tmp_path / "dataset.npz").read_bytes()).hexdigest()
    assert manifest["hashes"] == {"artifact": sha256, "files": HASHES}
    assert manifest["input_features"] == ["load", "temp", "day sine", "day cosine", "holiday"]
    assert manifest["shapes"] == {"inputs": [291, 7, 5], "targets": [291, 3, 1]}
    assert manifest["first_reference_time"] == "2024-01-01T06:00:00Z"
    assert sum(manifest["split"].values()) + manifest["embargoed"] == manifest["windows"] == 291
    assert [fold["test_stop"] for fold in manifest["backtests"]] == [262, 291]
    assert len(manifest["scalers"]["inputs"]) == 5
    assert manifest["series"][0]["step_minutes"] == 60
    assert manifest["notes"] == []
    assert set(manifest["software"]) >= {"numpy", "polars", "holidays"}


def test_the_same_dataset_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from shared.series.artifact import write_dataset;"
        "from tests.unit.series.test_artifact import built; print(write_dataset(Path(sys.argv[1]), built()[1]))"
    )
    written = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / f"{seed}.npz")],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in (1, 2)
    ]
    assert written[0] == written[1]
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_a_dataset_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format 99"):
        read_dataset(tmp_path / "dataset.npz", {"version": 99})


def test_what_cannot_be_mapped_or_could_run_code_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "compressed.npz", a=np.zeros(3))
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    for name in ("compressed", "objects"):
        with pytest.raises(ValueError, match=r"a\.npy"):
            map_arrays(tmp_path / f"{name}.npz")


def test_an_array_that_is_not_whole_is_not_taken_for_one(tmp_path: Path) -> None:
    with (
        (tmp_path / "part.npz").open("wb") as file,
        ArrayWriter(file) as writer,
        pytest.raises(ValueError, match="was to have 4 numbers and got 3"),
    ):
        writer.add("a", (4,), np.int64, [np.zeros(3)])


def test_files_count_by_content_and_not_by_name() -> None:
    configuration = parse_configuration(document())
    renamed = document()
    for entry in renamed["series"]:
        entry["file"] = entry["file"].upper()
    other = {name.upper(): sha256 for name, sha256 in HASHES.items()}
    assert fingerprint(configuration, HASHES) == fingerprint(parse_configuration(renamed), other)
    assert fingerprint(configuration, HASHES) != fingerprint(configuration, {**HASHES, "load": "c" * 64})


def test_models_and_how_long_they_are_trained_do_not_change_the_dataset() -> None:
    with_models = parse_configuration(document(models=[{"kind": "Linear"}], time_limit_seconds=600))
    assert fingerprint(with_models, HASHES) == fingerprint(parse_configuration(document()), HASHES)


def test_members_are_plain_and_stored(tmp_path: Path) -> None:
    _, dataset = built()
    write_dataset(tmp_path / "dataset.npz", dataset)
    with zipfile.ZipFile(tmp_path / "dataset.npz") as archive:
        assert archive.testzip() is None
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
