"""The child process that makes a dataset (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from services.dataset.plots import violin_plots
from shared.problems import Category, ProblemError
from shared.runtime.child import Report, serve
from shared.series.artifact import make_manifest, write_dataset
from shared.series.configuration import Configuration, SeriesConfiguration, parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.series import Series

_TIME_COLUMN = "time"


def build(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """Series from the canonical files, windows, plots; writes ``dataset.npz``, ``manifest.json`` and the plots."""
    folder = Path(specification["folder"])
    configuration = parse_configuration(specification["configuration"])
    files = {entry["id"]: entry for entry in specification["files"]}
    report({"progress": 5.0, "message": "reading"})
    series = {place: read_series(entry, files) for place, entry in enumerate(configuration.series)}
    report({"progress": 20.0, "message": "windows"})
    dataset = build_dataset(configuration, series)
    report({"progress": 60.0, "message": "plots"})
    plots = violin_plots(dataset, configuration, folder)
    report({"progress": 80.0, "message": "writing"})
    return _write(configuration, dataset, files, folder, plots)


def read_series(entry: SeriesConfiguration, files: dict[str, dict[str, str]]) -> Series:
    """One column of one canonical file. Raises a problem when it holds no row with a time."""
    columns = [_TIME_COLUMN, str(entry.value_column)] + ([entry.issue_column] if entry.issue_column else [])
    table = pl.read_parquet(files[entry.file]["path"], columns=columns)
    if table.is_empty():
        raise ProblemError(
            Category.INSUFFICIENT_DATA,
            title="A file has no rows",
            detail=f"{files[entry.file]['name']} holds no row with a readable time.",
            recovery=["Check the file's time column in its analysis."],
        )
    times = table[_TIME_COLUMN].cast(pl.Datetime("ns", "UTC")).dt.timestamp("ns").to_numpy()
    values = table[str(entry.value_column)].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Series(entry.label, np.ascontiguousarray(times, dtype=np.int64), np.ascontiguousarray(values))


def _write(
    configuration: Configuration,
    dataset: Dataset,
    files: dict[str, dict[str, str]],
    folder: Path,
    plots: list[str],
) -> dict[str, Any]:
    hashes = {name: entry["sha256"] for name, entry in files.items()}
    manifest = make_manifest(configuration, dataset, hashes)
    write_dataset(folder / "dataset.npz", dataset)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    return {
        "windows": manifest["windows"],
        **manifest["split"],
        "dropped": sum(entry["windows"] for entry in dataset.dropped),
        "input_features": dataset.features["inputs"],
        "target_features": dataset.features["targets"],
        "plots": plots,
        "manifest": manifest,
    }


if __name__ == "__main__":
    serve(build)
