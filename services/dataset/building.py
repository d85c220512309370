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
from shared.shares import TellShare, part_of

_READING = 0.4
"""Share of windowing that is done when the series are read."""
_LEARNING = 0.5
"""Share of scaling that is done when the scalers are learned: then the windows are scaled and written."""


def build(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """Series from the canonical files, windows, plots; writes them with ``manifest.json`` and ``scalers.skops``.

    Reports shares of the phases ``windowing``, ``scaling`` and ``plots``, in this order.
    """
    folder, memory = Path(specification["folder"]), specification["memory_bytes"]
    configuration = parse_configuration(specification["configuration"])
    files = {entry["id"]: entry for entry in specification["files"]}
    windowing, scaling, plotting = (_shares_of(phase, report) for phase in ("windowing", "scaling", "plots"))
    series = {}
    for place, entry in enumerate(configuration.series):
        series[place] = read_series(Path(files[entry.file]["path"]), entry, files[entry.file]["name"])
        windowing(_READING * (place + 1) / len(configuration.series))
    dataset = build_dataset(
        configuration,
        series,
        memory_bytes=memory,
        windowing=part_of(windowing, _READING, 1.0),
        scaling=part_of(scaling, 0.0, _LEARNING),
    )
    hashes = {name: entry["sha256"] for name, entry in files.items()}
    arrays = write_dataset(folder / "dataset.npz", dataset, part_of(scaling, _LEARNING, 1.0))
    manifest = make_manifest(configuration, dataset, hashes, arrays)
    write_skops(folder / "scalers.skops", dataset.features, dataset.scalers)
    plots, described = _describe(configuration, dataset, folder, plotting)
    manifest["distributions"] = described
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    return {"plots": plots, "manifest": manifest}


def _shares_of(phase: str, report: Report) -> TellShare:
    return lambda share: report({"phase": phase, "fraction": share})


def _describe(
    configuration: Configuration, dataset: Dataset, folder: Path, tell: TellShare
) -> tuple[list[str], dict[str, Any]]:
    """Violin plots of what was measured, and the statistics of every feature."""
    inputs = distributions(dataset, "inputs", [entry.unit for entry in configuration.inputs])
    targets = distributions(dataset, "targets", [entry.unit for entry in configuration.outputs])
    tell(1 / 3)
    violin_plot(inputs[: len(configuration.inputs)], "Inputs in all windows", folder / "violin_inputs.png")
    tell(2 / 3)
    violin_plot(targets, "Targets in all windows", folder / "violin_targets.png")
    tell(1.0)
    described = {
        "inputs": [one.describe() for one in inputs],
        "targets": [one.describe() for one in targets],
    }
    return ["violin_inputs", "violin_targets"], described
