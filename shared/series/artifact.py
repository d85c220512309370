"""A dataset at rest: one ``.npz`` of plain arrays and a JSON manifest that says what they are.

The same dataset gives the same bytes: arrays are stored uncompressed, in a fixed order, with fixed dates.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import DTypeLike, NDArray

from shared.series.configuration import Configuration
from shared.series.notes import configuration_notes
from shared.series.scalers import Scaler
from shared.series.series import moment_text
from shared.series.windows import target_step_minutes

if TYPE_CHECKING:
    # Whoever only reads datasets needs none of what makes them.
    from shared.series.dataset import ArrayName, Dataset
    from shared.series.maker import Side

FORMAT_VERSION = 1
_DATE = (1980, 1, 1, 0, 0, 0)
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
    """What a trainer reads: scaled float32 windows, truths in original units, the parts, the targets' past."""

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


def fingerprint(configuration: Configuration, file_hashes: Mapping[str, str]) -> str:
    """SHA-256 over everything that the dataset depends on: the configuration without its models, and the files."""
    document = configuration.model_dump(mode="json", exclude={"models"})
    used = {entry.file: file_hashes[entry.file] for entry in configuration.series}
    text = orjson.dumps(
        {"version": FORMAT_VERSION, "configuration": document, "files": used}, option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(text).hexdigest()


def make_manifest(configuration: Configuration, dataset: Dataset, file_hashes: Mapping[str, str]) -> dict[str, Any]:
    """What the arrays are, JSON-able."""
    steps = target_step_minutes(configuration)
    features = dataset.features
    return {
        "version": FORMAT_VERSION,
        "fingerprint": fingerprint(configuration, file_hashes),
        "configuration": configuration.model_dump(mode="json"),
        "input_features": features["inputs"],
        "target_features": features["targets"],
        "units": {label: entry.unit for label, entry in zip(features["targets"], configuration.outputs, strict=True)},
        "input_units": [entry.unit for entry in configuration.inputs],
        "series": dataset.series,
        "shapes": {"inputs": list(dataset.shape("inputs")), "targets": list(dataset.shape("targets"))},
        "windows": len(dataset.reference_times),
        "split": {name: len(getattr(dataset.parts, name)) for name in ("train", "validation", "test")},
        "embargoed": dataset.parts.embargoed,
        **dataset.report,
        "notes": configuration_notes(configuration),
        "first_reference_time": moment_text(int(dataset.reference_times[0])),
        "last_reference_time": moment_text(int(dataset.reference_times[-1])),
        "scalers": _scalers(dataset.scalers),
        "backtests": [{**asdict(one.fold), "scalers": _scalers(one.scalers)} for one in dataset.folds],
        "targets": [
            {
                "name": name,
                "season_steps": target.season_steps,
                "step_minutes": step,
                "naive_error": target.naive_error,
            }
            for name, target, step in zip(features["targets"], dataset.targets, steps, strict=True)
        ],
        "software": {"numpy": np.__version__, "polars": pl.__version__},
    }


def _scalers(scalers: Mapping[Side, list[Scaler]]) -> dict[str, list[dict[str, Any]]]:
    return {side: [scaler.to_json() for scaler in of_side] for side, of_side in scalers.items()}


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write the arrays, the windows block by block; the same dataset gives the same file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, dtype in _WINDOWS.items():
            _write(archive, name, dataset.shape(name), dtype, dataset.blocks(name, dtype))
        arrays: dict[str, NDArray[Any]] = {
            "reference_times": dataset.reference_times,
            "train": dataset.parts.train,
            "validation": dataset.parts.validation,
            "test": dataset.parts.test,
        }
        for place, target in enumerate(dataset.targets):
            arrays[f"past_times_{place}"] = target.series.times
            arrays[f"past_values_{place}"] = target.series.values
        for member, array in arrays.items():
            _write(archive, member, array.shape, array.dtype, [array])


def _write(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block).data)


def read_dataset(path: Path, manifest: dict[str, Any]) -> StoredDataset:
    """Read what :func:`write_dataset` wrote; nothing is ever unpickled. Raises ValueError for another version."""
    if manifest.get("version") != FORMAT_VERSION:
        raise ValueError(f"a dataset of format {manifest.get('version')!r} cannot be read here")
    with np.load(path, allow_pickle=False) as arrays:
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
