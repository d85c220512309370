"""What the trainer's tests share: windows made of random numbers, and data sets at rest as a job finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from threadpoolctl import threadpool_limits

from services.trainer.models.base import TrainingData
from shared.series.artifact import write_dataset
from shared.series.configuration import parse_configuration
from shared.series.dataset import build_dataset
from shared.series.manifest import make_manifest
from shared.series.series import Series
from tests.synthetic import load_and_temperature, load_configuration


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """As a worker limits its jobs; threads that wait for each other would take most of the time on tiny windows."""
    for library in ("lightgbm", "sklearn.svm"):
        import_module(library)
    with threadpool_limits(1):
        yield


WriteDataset = Callable[[Path, dict[str, Any], Mapping[str, Series]], None]
MakeData = Callable[..., TrainingData]


def write(folder: Path, document: dict[str, Any], series: Mapping[str, Series]) -> None:
    """``dataset.npz`` and ``manifest.json`` of this configuration, as the dataset service writes them."""
    configuration = parse_configuration(document)
    dataset = build_dataset(configuration, {n: series[entry.file] for n, entry in enumerate(configuration.series)})
    sha256 = write_dataset(folder / "dataset.npz", dataset)
    manifest = make_manifest(configuration, dataset, dict.fromkeys(series, "0" * 64), sha256)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def specify(dataset: Path, output: Path, model: dict[str, Any], target: str) -> dict[str, Any]:
    """A job on the data set in a folder."""
    output.mkdir(exist_ok=True)
    return {
        "job_id": "job",
        "dataset_path": str(dataset / "dataset.npz"),
        "manifest_path": str(dataset / "manifest.json"),
        "output_directory": str(output),
        "model": model,
        "target": target,
        "threads": 1,
        "device": "auto",
        "checkpoint_path": None,
        "trial": False,
        "search": None,
        "seconds_left": None,
    }


@pytest.fixture(scope="session")
def write_dataset_files() -> WriteDataset:
    return write


@pytest.fixture(scope="session")
def job() -> Callable[[Path, Path, dict[str, Any], str], dict[str, Any]]:
    return specify


@pytest.fixture(scope="session")
def load_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic load of 400 days."""
    folder = tmp_path_factory.mktemp("load")
    load, temperature = load_and_temperature()
    write(folder, load_configuration(), {"load": load, "temperature": temperature})
    return folder


@pytest.fixture(scope="session")
def make_data() -> MakeData:
    """Windows whose targets are a noisy linear map of the inputs."""

    def make(
        *, count: int = 48, input_shape: tuple[int, int] = (4, 2), output_shape: tuple[int, int] = (3, 1)
    ) -> TrainingData:
        random = np.random.default_rng(1)
        inputs = random.random((count, *input_shape), dtype=np.float32)
        weights = random.standard_normal((int(np.prod(input_shape)), int(np.prod(output_shape))))
        noise = 0.01 * random.standard_normal((count, weights.shape[1]))
        targets = (inputs.reshape(count, -1) @ weights + noise).reshape(count, *output_shape).astype(np.float32)
        cut = count * 3 // 4
        return TrainingData(inputs[:cut], targets[:cut], inputs[cut:], targets[cut:])

    return make
