"""Violin plots of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from shared.series.distributions import Distribution

MOST_VIOLINS = 16
_IN_A_ROW = 8
_DOTS_PER_INCH = 100


def violin_plot(found: Sequence[Distribution], title: str, path: Path) -> None:
    """One violin for each feature, each on its own axis with its unit; of very many the first ``MOST_VIOLINS``."""
    shown = found[:MOST_VIOLINS]
    columns = min(len(shown), _IN_A_ROW)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(max(4.0, 2.4 * columns), 0.6 + 4.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, one in zip(axes, shown, strict=False):
        axis.violinplot(one.values, showmedians=True)
        # Names are data: between two dollar signs matplotlib would read a formula.
        axis.set_title("\n".join(_wrapped(one.feature)), fontsize=9, parse_math=False)
        axis.set_ylabel(one.unit or "original units", parse_math=False)
        axis.set_xticks([])
        axis.grid(axis="y", alpha=0.3)
    for axis in axes[len(shown) :]:
        axis.remove()
    few = f" (the first {len(shown)} of {len(found)})" if len(shown) < len(found) else ""
    figure.suptitle(f"{title}{few}")
    # No software version in the file: the same dataset gives the same picture, byte for byte.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _wrapped(name: str, width: int = 18) -> list[str]:
    lines = [""]
    for word in name.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
