"""Makes a dataset: the files of its folder, from the canonical files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from services.dataset.plots import violin_plot
from shared.runtime.child import Report
from shared.series.artifact import write_dataset
from shared.series.canonical import read_series
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.distributions import distributions
from shared.series.manifest import make_manifest
from shared.series.scalers_skops import write_skops


def build(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """Series from the canonical files, windows, plots; writes them with ``manifest.json`` and ``scalers.skops``."""
    folder, memory = Path(specification["folder"]), specification["memory_bytes"]
    configuration = parse_configuration(specification["configuration"])
    files = {entry["id"]: entry for entry in specification["files"]}
    report({"progress": 5.0, "message": "reading"})
    series = {
        place: read_series(Path(files[entry.file]["path"]), entry, files[entry.file]["name"])
        for place, entry in enumerate(configuration.series)
    }
    report({"progress": 20.0, "message": "windows"})
    dataset = build_dataset(configuration, series, memory_bytes=memory)
    report({"progress": 50.0, "message": "writing"})
    hashes = {name: entry["sha256"] for name, entry in files.items()}
    manifest = make_manifest(configuration, dataset, hashes, write_dataset(folder / "dataset.npz", dataset))
    write_skops(folder / "scalers.skops", dataset.features, dataset.scalers)
    report({"progress": 75.0, "message": "plots"})
    plots, described = _describe(configuration, dataset, folder)
    manifest["distributions"] = described
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    return {"plots": plots, "manifest": manifest}


def _describe(configuration: Configuration, dataset: Dataset, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Violin plots of what was measured, and the statistics of every feature."""
    inputs = distributions(dataset, "inputs", [entry.unit for entry in configuration.inputs])
    targets = distributions(dataset, "targets", [entry.unit for entry in configuration.outputs])
    violin_plot(inputs[: len(configuration.inputs)], "Inputs in all windows", folder / "violin_inputs.png")
    violin_plot(targets, "Targets in all windows", folder / "violin_targets.png")
    described = {
        "inputs": [one.describe() for one in inputs],
        "targets": [one.describe() for one in targets],
    }
    return ["violin_inputs", "violin_targets"], described
