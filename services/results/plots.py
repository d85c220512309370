"""Plots of one trained model: its losses, and its forecasts beside what came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

_DOTS_PER_INCH = 100
_SHOWN = 4


def loss_curve(history: list[dict[str, Any]], model: str, path: Path) -> None:
    """Training and validation loss by epoch, on a logarithmic axis."""
    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    marker = "o" if len(epochs) < 30 else ""
    axis.plot(epochs, [entry["loss"] for entry in history], marker=marker, label="training")
    validation = [entry["val_loss"] for entry in history]
    if any(value is not None for value in validation):
        axis.plot(epochs, [np.nan if v is None else v for v in validation], marker=marker, label="validation")
    if all(entry["loss"] > 0 for entry in history):
        axis.set_yscale("log")
    axis.set(title=f"{model}: loss", xlabel="epoch", ylabel="mean squared error, scaled")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    _save(figure, path)


def predictions(arrays: dict[str, NDArray[Any]], model: str, target: str, unit: str | None, path: Path) -> None:
    """Forecast with its 90 % interval, truth and seasonal naive for a few test windows, evenly chosen."""
    count = len(arrays["reference_times"])
    chosen = np.unique(np.linspace(0, count - 1, min(_SHOWN, count)).round().astype(int))
    figure = Figure(figsize=(11, 2.6 * len(chosen)), layout="constrained")
    for axis, window in zip(figure.subplots(len(chosen), 1, squeeze=False)[:, 0], chosen, strict=True):
        times = (arrays["reference_times"][window] + arrays["offsets"]).astype("datetime64[ns]")
        if "lower_90" in arrays:
            low, high = arrays["lower_90"][window], arrays["upper_90"][window]
            axis.fill_between(times, low, high, color="tab:blue", alpha=0.2, linewidth=0, label="90 % interval")
        axis.plot(times, arrays["truth"][window], color="black", linewidth=1.6, label="actual")
        axis.plot(times, arrays["forecast"][window], color="tab:blue", label="forecast")
        axis.plot(
            times, arrays["baseline_seasonal_naive"][window], color="tab:gray", linestyle=":", label="seasonal naive"
        )
        locator = AutoDateLocator()
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axis.set_ylabel(unit or "original units")
        axis.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
    figure.axes[-1].set_xlabel("UTC")
    figure.suptitle(f"{model}: {target}, windows of the test part")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    # No software version in the file: the same content gives the same bytes.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})
