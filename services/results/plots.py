"""A figure's data (see ``figures``) as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

_DOTS_PER_INCH = 100
_ALONE = (8.0, 4.5)
_WIDTH, _PANEL_HEIGHT = 11.0, 2.6
_MARKED_UP_TO = 30
_LOOKS: dict[str, dict[str, Any]] = {
    "actual": {"color": "black", "linewidth": 1.6},
    "forecast": {"color": "tab:blue"},
    "seasonal naive": {"color": "tab:gray", "linestyle": ":"},
}


def draw(described: dict[str, Any], path: Path) -> None:
    """Write the figure as PNG. The same figure gives the same bytes."""
    panels = described["panels"]
    size = _ALONE if len(panels) == 1 else (_WIDTH, _PANEL_HEIGHT * len(panels))
    figure = Figure(figsize=size, layout="constrained")
    shared = described["shared_y"] and len(panels) > 1
    axes = figure.subplots(len(panels), 1, squeeze=False, sharey="all" if shared else False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, panel)
        axis.set_ylabel(described["y_label"], parse_math=False)
        if described["log_y"]:
            axis.set_yscale("log")
    axes[-1].set_xlabel(described["x_label"], parse_math=False)
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    legend = figure.legend(handles.values(), handles.keys(), ncols=4, loc="outside lower center")
    # Names are data: between two dollar signs matplotlib would read a formula.
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.suptitle(described["title"], parse_math=False)
    # No software version in the file.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _panel(axis: Any, panel: dict[str, Any]) -> None:
    x = _places(panel["x"])
    if panel["band"]:
        lower, upper = _values(panel["band"]["lower"]), _values(panel["band"]["upper"])
        axis.fill_between(x, lower, upper, color="tab:blue", alpha=0.2, linewidth=0, label=panel["band"]["name"])
    for series in panel["series"]:
        name, values = series["name"], _values(series["values"])
        if panel["bars"]:
            axis.bar(x, values, width=np.min(np.diff(x)) if len(x) > 1 else 1.0, label=name)
        else:
            look = _LOOKS.get("actual" if name.startswith("actual (") else name)
            marker = "o" if len(x) < _MARKED_UP_TO and look is None else ""
            axis.plot(x, values, marker=marker, label=name, **look or {})
    if x.dtype.kind == "M":
        locator = AutoDateLocator()
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    elif not panel["bars"]:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel["title"]:
        axis.set_title(panel["title"], fontsize="small", loc="left", parse_math=False)
    axis.grid(alpha=0.3)


def _places(x: list[Any]) -> NDArray[Any]:
    if x and isinstance(x[0], str):
        return np.array([moment.removesuffix("Z") for moment in x], "datetime64[ms]")
    return np.array(x, np.float64)


def _values(values: list[float | None]) -> NDArray[Any]:
    return np.array([np.nan if value is None else value for value in values], np.float64)
