"""A dataset at rest: the arrays that trainers map into memory; the manifest beside them says what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shared.series.fingerprint import FORMAT_VERSION
from shared.series.npz import ArrayWriter, map_arrays
from shared.series.scalers import Scaler
from shared.shares import TellShare, nobody

if TYPE_CHECKING:
    # Whoever only reads datasets needs none of what makes them.
    from shared.series.dataset import ArrayName, Dataset

_WINDOWS: dict[ArrayName, DTypeLike] = {
    "inputs_scaled": np.float32,
    "targets_scaled": np.float32,
    "targets": np.float64,
}


@dataclass(frozen=True, slots=True)
class TargetHistory:
    """A target's own past: rows ``times`` (ns) and ``values``; what baselines forecast from."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    season_steps: int
    step_minutes: float
    naive_error: float | None


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """What a trainer reads: scaled float32 windows, truths in original units, the parts, the targets' past.

    The arrays are mapped from the file, read-only.
    """

    inputs_scaled: NDArray[np.float32]
    targets_scaled: NDArray[np.float32]
    targets: NDArray[np.float64]
    reference_times: NDArray[np.int64]
    parts: dict[str, NDArray[np.int64]]
    histories: list[TargetHistory]
    manifest: dict[str, Any]

    @property
    def target_scalers(self) -> list[Scaler]:
        """One for each target, in order."""
        return [Scaler.from_json(entry) for entry in self.manifest["scalers"]["targets"]]


def write_dataset(path: Path, dataset: Dataset, tell: TellShare = nobody) -> str:
    """Write the arrays, the windows block by block; the same dataset gives the same file. Its SHA-256."""
    numbers = sum(prod(dataset.shape(name)) for name in _WINDOWS)
    written = 0

    def told(blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        nonlocal written
        for block in blocks:
            yield block
            written += block.size
            tell(written / numbers)

    with path.open("wb") as file, ArrayWriter(file) as writer:
        for name, dtype in _WINDOWS.items():
            writer.add(name, dataset.shape(name), dtype, told(dataset.blocks(name, dtype)))
        for member, array in _small_arrays(dataset).items():
            writer.add(member, array.shape, array.dtype, [array])
    with path.open("rb") as whole:
        return hashlib.file_digest(whole, "sha256").hexdigest()


def _small_arrays(dataset: Dataset) -> dict[str, NDArray[Any]]:
    parts = dataset.parts
    arrays: dict[str, NDArray[Any]] = {
        "reference_times": dataset.reference_times,
        "train": parts.train,
        "validation": parts.validation,
        "test": parts.test,
    }
    for place, target in enumerate(dataset.targets):
        arrays[f"past_times_{place}"] = target.series.times
        arrays[f"past_values_{place}"] = target.series.values
    return arrays


def read_dataset(path: Path, manifest: dict[str, Any]) -> StoredDataset:
    """Map what :func:`write_dataset` wrote; nothing is ever unpickled. Raises ValueError for another version."""
    if manifest.get("version") != FORMAT_VERSION:
        raise ValueError(f"a dataset of format {manifest.get('version')!r} cannot be read here")
    arrays: dict[str, NDArray[Any]] = map_arrays(path)
    histories = [
        TargetHistory(
            arrays[f"past_times_{place}"],
            arrays[f"past_values_{place}"],
            target["season_steps"],
            target["step_minutes"],
            target["naive_error"],
        )
        for place, target in enumerate(manifest["targets"])
    ]
    return StoredDataset(
        inputs_scaled=arrays["inputs_scaled"],
        targets_scaled=arrays["targets_scaled"],
        targets=arrays["targets"],
        reference_times=arrays["reference_times"],
        parts={name: arrays[name] for name in ("train", "validation", "test")},
        histories=histories,
        manifest=manifest,
    )
