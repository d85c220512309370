"""The child process that makes a dataset (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from services.dataset.plots import violin_plots
from shared.runtime.child import Report, serve
from shared.series.artifact import write_dataset
from shared.series.canonical import read_series
from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.manifest import make_manifest
from shared.series.scalers_skops import write_skops


def build(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """Series from the canonical files, windows, plots; writes them with ``manifest.json`` and ``scalers.skops``."""
    folder = Path(specification["folder"])
    configuration = parse_configuration(specification["configuration"])
    files = {entry["id"]: entry for entry in specification["files"]}
    report({"progress": 5.0, "message": "reading"})
    series = {
        place: read_series(Path(files[entry.file]["path"]), entry, files[entry.file]["name"])
        for place, entry in enumerate(configuration.series)
    }
    report({"progress": 20.0, "message": "windows"})
    dataset = build_dataset(configuration, series)
    report({"progress": 60.0, "message": "plots"})
    plots = violin_plots(dataset, configuration, folder)
    report({"progress": 80.0, "message": "writing"})
    return _write(configuration, dataset, files, folder, plots)


def _write(
    configuration: Configuration,
    dataset: Dataset,
    files: dict[str, dict[str, str]],
    folder: Path,
    plots: list[str],
) -> dict[str, Any]:
    hashes = {name: entry["sha256"] for name, entry in files.items()}
    manifest = make_manifest(configuration, dataset, hashes, write_dataset(folder / "dataset.npz", dataset))
    write_skops(folder / "scalers.skops", dataset.features, dataset.scalers)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    return {"plots": plots, "manifest": manifest}


if __name__ == "__main__":
    serve(build)
