"""Violin plots of inputs and targets, from a bounded sample (lesson F74)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from shared.series.configuration import Configuration
from shared.series.dataset import ArrayName, Dataset

_SAMPLE = 20_000
_DOTS_PER_INCH = 100


def violin_plots(dataset: Dataset, configuration: Configuration, folder: Path) -> list[str]:
    """Write ``violin_inputs.png`` and ``violin_targets.png`` into the folder; their names without the suffix."""
    for side, entries in (("inputs", configuration.inputs), ("targets", configuration.outputs)):
        _draw(
            _sample(dataset, side)[..., : len(entries)],  # type: ignore[arg-type]
            dataset.features[side][: len(entries)],  # type: ignore[index]
            [entry.unit for entry in entries],
            f"{side.capitalize()} in the training windows",
            folder / f"violin_{side}.png",
        )
    return ["violin_inputs", "violin_targets"]


def _draw(values: NDArray[np.float64], names: list[str], units: list[str | None], title: str, path: Path) -> None:
    figure = Figure(figsize=(max(4.0, 2.4 * len(names)), 5.0), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for place, (name, unit) in enumerate(zip(names, units, strict=True)):
        axis = axes[place]
        axis.violinplot(values[..., place].ravel(), showmedians=True)
        axis.set_title("\n".join(_wrapped(name)), fontsize=9)
        axis.set_ylabel(unit or "original units")
        axis.set_xticks([])
        axis.grid(axis="y", alpha=0.3)
    figure.suptitle(title)
    # No software version in the file: the same dataset gives the same picture, byte for byte.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _sample(dataset: Dataset, name: ArrayName) -> NDArray[np.float64]:
    """About 20,000 values a feature, of evenly chosen windows: a huge dataset costs no more than a small one."""
    windows, steps, _ = dataset.shape(name)
    stride, start, chosen = max(1, -(-windows * steps // _SAMPLE)), 0, []
    for block in dataset.blocks(name):
        chosen.append(block[-start % stride :: stride].copy())
        start += len(block)
    return np.concatenate(chosen)


def _wrapped(name: str, width: int = 18) -> list[str]:
    lines = [""]
    for word in name.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
