"""What a dataset is, as JSON beside its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from shared.series.configuration import Configuration
from shared.series.dataset import Dataset
from shared.series.fingerprint import FORMAT_VERSION, fingerprint
from shared.series.maker import Side
from shared.series.notes import configuration_notes
from shared.series.scalers import Scaler
from shared.series.series import moment_text
from shared.series.windows import target_step_minutes

_SOFTWARE = ("numpy", "polars", "holidays", "tzdata")


def make_manifest(
    configuration: Configuration, dataset: Dataset, file_hashes: Mapping[str, str], artifact_sha256: str
) -> dict[str, Any]:
    """JSON-able; the same dataset gives the same one."""
    features, references = dataset.features, dataset.reference_times
    return {
        "version": FORMAT_VERSION,
        "fingerprint": fingerprint(configuration, file_hashes),
        "hashes": {"artifact": artifact_sha256, "files": dict(sorted(file_hashes.items()))},
        "configuration": configuration.model_dump(mode="json"),
        "notes": configuration_notes(configuration),
        "input_features": features["inputs"],
        "target_features": features["targets"],
        "units": {label: entry.unit for label, entry in zip(features["targets"], configuration.outputs, strict=True)},
        "input_units": [entry.unit for entry in configuration.inputs],
        "series": dataset.series,
        "shapes": {"inputs": list(dataset.shape("inputs")), "targets": list(dataset.shape("targets"))},
        "windows": len(references),
        "first_reference_time": moment_text(int(references[0])),
        "last_reference_time": moment_text(int(references[-1])),
        "reference_step_minutes": configuration.time_steps.step_minutes,
        **dataset.report,
        "split": {name: len(getattr(dataset.parts, name)) for name in ("train", "validation", "test")},
        "embargoed": dataset.parts.embargoed,
        "scalers": _scalers(dataset.scalers),
        "backtests": [{**asdict(one.fold), "scalers": _scalers(one.scalers)} for one in dataset.folds],
        "targets": [
            {
                "name": name,
                "season_steps": target.season_steps,
                "step_minutes": step,
                "naive_error": target.naive_error,
            }
            for name, target, step in zip(
                features["targets"], dataset.targets, target_step_minutes(configuration), strict=True
            )
        ],
        "software": {name: version(name) for name in _SOFTWARE},
    }


def _scalers(scalers: Mapping[Side, list[Scaler]]) -> dict[str, list[dict[str, Any]]]:
    return {side: [scaler.to_json() for scaler in of_side] for side, of_side in scalers.items()}
