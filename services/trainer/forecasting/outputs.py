"""The files that a one-shot forecast ends with; the same forecast gives the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from shared.series.series import Series

OUTPUTS = {"output.json": "application/json", "forecast.csv": "text/csv; charset=utf-8", "forecast.png": "image/png"}
_SHOWN_BEFORE = 3
"""Lengths of the forecast that are shown of what came before it."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_DOTS_PER_INCH = 100


@dataclass(frozen=True, slots=True)
class Forecasted:
    """A target's forecast, as :func:`services.trainer.forecasting.forecast.answer` gives it, and its own past."""

    forecast: dict[str, Any]
    past: Series


def write_outputs(folder: Path, about: dict[str, Any], found: Sequence[Forecasted]) -> None:
    """``output.json``, ``forecast.csv`` and ``forecast.png``; ``about`` stands at the head of the first."""
    document = {**about, "forecasts": [one.forecast for one in found]}
    (folder / "output.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    _write_csv(folder / "forecast.csv", [one.forecast for one in found])
    _draw(folder / "forecast.png", found)


def _write_csv(path: Path, forecasts: Sequence[dict[str, Any]]) -> None:
    """A row for each time, three columns for each target, and two more for each further interval."""
    columns: dict[str, dict[str, float]] = {}
    local: dict[str, str] = {}
    for forecast in forecasts:
        times = forecast["times"]
        local.update(zip(times, forecast["local_times"], strict=True))
        name = forecast["target"]
        columns[name] = dict(zip(times, forecast["values"], strict=True))
        for interval in forecast["intervals"] or ():
            percent = f"{round(100 * interval['level'])} %"
            for side in ("lower", "upper"):
                columns[f"{name} {side} {percent}"] = dict(zip(times, interval[side], strict=True))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([plain_text(name) for name in ("time", "local time", *columns)])
        for time in sorted(local):
            writer.writerow([time, local[time], *(values.get(time, "") for values in columns.values())])


def plain_text(text: str) -> str:
    """What no spreadsheet takes for a formula (F59); numbers, negative ones too, are left as they are."""
    if not text.lstrip(" ").startswith(_FORMULAS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def _draw(path: Path, found: Sequence[Forecasted]) -> None:
    figure = Figure(figsize=(11, 3.4 * len(found)), layout="constrained")
    for axis, one in zip(figure.subplots(len(found), 1, squeeze=False)[:, 0], found, strict=True):
        forecast, past = one.forecast, one.past
        times = np.array([time.removesuffix("Z") for time in forecast["times"]], dtype="datetime64[ns]")
        reference = int(np.datetime64(forecast["reference_time"].removesuffix("Z"), "ns").astype(np.int64))
        length = int(times[-1].astype(np.int64)) - reference
        shown = (past.times <= reference) & (past.times >= reference - _SHOWN_BEFORE * length)
        axis.plot(past.times[shown].astype("datetime64[ns]"), past.values[shown], color="black", label="measured")
        for interval in (forecast["intervals"] or [])[:1]:
            label = f"{round(100 * interval['level'])} % interval"
            axis.fill_between(
                times, interval["lower"], interval["upper"], color="tab:blue", alpha=0.2, linewidth=0, label=label
            )
        axis.plot(times, forecast["values"], color="tab:blue", label=f"forecast ({forecast['model']})")
        locator = AutoDateLocator()
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        # Names are a user's own: a dollar sign begins no formula in them.
        axis.set_title(forecast["target"], parse_math=False)
        axis.set_ylabel(forecast["unit"] or "original units", parse_math=False)
        axis.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), ncols=3, loc="outside lower center")
    figure.axes[-1].set_xlabel("UTC")
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})
