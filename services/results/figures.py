"""What the plots of a trained model show, as data: a page can draw it itself, and ``plots`` draws it as a picture.

A figure is ``{plot, title, x_label, y_label, log_y, shared_y, panels}``; a panel ``{title, x, series, band}`` with x as
numbers or as ISO 8601 times (UTC), series ``[{name, values}]`` and band ``{name, lower, upper}`` or null; what is no
number is null. Bars instead of lines where ``bars`` is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.scalers import Scaler

Figure = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

DEFAULT_WINDOWS = 4
MOST_PANELS = 24
_BINS = 40
_MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Forecasts:
    """One model's forecasts of the test part: ``forecast``, ``truth``, ... (n, O), ``reference_times`` (n,) in ns,
    ``offsets`` (O,) in ns; ``unit`` and ``scaler`` are its target's.
    """

    model: str
    target: str
    unit: str | None
    scaler: Scaler
    arrays: Arrays


def loss_curve(history: Sequence[dict[str, Any]], model: str) -> Figure:
    """Training and validation loss by epoch."""
    series = [{"name": "training", "values": [entry["loss"] for entry in history]}]
    if any(entry["val_loss"] is not None for entry in history):
        series.append({"name": "validation", "values": [entry["val_loss"] for entry in history]})
    panel = {"title": None, "x": [entry["epoch"] for entry in history], "series": series, "band": None}
    positive = all(value is None or value > 0 for one in series for value in one["values"])
    return _figure("loss_curve", f"{model}: loss", [panel], "epoch", "mean squared error, scaled", log_y=positive)


def predictions(
    models: Sequence[Forecasts],
    *,
    windows: Sequence[int] | None = None,
    axis: Literal["utc", "step"] = "utc",
    scaled: bool = False,
    separate: bool = False,
) -> Figure:
    """Forecast beside what came, of test windows counted from 0; four, evenly chosen, unless given.

    Several models share a window's panel, unless ``separate``. Raises a DATA_VALIDATION problem for a window that is
    not there, and for models of different windows.
    """
    times = models[0].arrays["reference_times"]
    count = len(times)
    chosen = evenly(count, DEFAULT_WINDOWS) if windows is None else windows
    if any(not 0 <= window < count for window in chosen):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such window",
            detail=f"The test part has the windows 0 to {count - 1}.",
            recovery=["Ask for one of those, or for none: four are chosen then."],
        )
    if any(not np.array_equal(one.arrays["reference_times"], times) for one in models):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The models have different windows",
            detail="These models were tested on different data sets, so their windows are not the same.",
            recovery=["Ask for models of one run, or of runs on one data set."],
        )
    groups = [[model] for model in models] if separate else [list(models)]
    if len(chosen) * len(groups) > MOST_PANELS:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="That is too much for one picture",
            detail=f"{len(chosen)} windows of {len(groups)} models would be more than {MOST_PANELS} panels.",
            recovery=["Ask for fewer windows or models, or for axes=common."],
        )
    panels = [_window(group, window, axis, scaled) for window in chosen for group in groups]
    if separate and len(models) > 1:
        for place, panel in enumerate(panels):
            one = models[place % len(models)]
            panel["title"] += f", {one.model}, {one.target}"
    units = dict.fromkeys("scaled" if scaled else model.unit or "original units" for model in models)
    names, targets = dict.fromkeys(m.model for m in models), dict.fromkeys(m.target for m in models)
    title = f"{', '.join(names)}: {', '.join(targets)}, windows of the test part"
    label = "UTC" if axis == "utc" else "step"
    return _figure("predictions", title, panels, label, ", ".join(units), shared_y=not separate)


def residuals(one: Forecasts) -> Figure:
    """Forecast minus actual: how often which size, and over time (the mean of each window, of at most 2,000)."""
    errors = one.arrays["forecast"] - one.arrays["truth"]
    known = errors[np.isfinite(errors)]
    counts, edges = _histogram(known)
    shown = evenly(len(errors), _MOST_POINTS)
    unit = one.unit or "original units"
    by_size = {
        "title": f"forecast minus actual, {unit}",
        "x": _numbers((edges[:-1] + edges[1:]) / 2),
        "series": [{"name": "values", "values": counts.tolist()}],
        "band": None,
        "bars": True,
    }
    by_time = {
        "title": "mean of each window, by reference time",
        "x": _times(one.arrays["reference_times"][shown]),
        "series": [{"name": "mean residual", "values": _numbers(errors[shown].mean(axis=1))}],
        "band": None,
    }
    return _figure("residuals", f"{one.model}: residuals of {one.target}", [by_size, by_time], "", "")


def error_by_step(evaluation: dict[str, Any], model: str) -> Figure:
    """MAE and RMSE of each step of the horizon."""
    steps = evaluation["model"]["levels"][0]["by_step"]
    series = [{"name": name.upper(), "values": [step[name] for step in steps]} for name in ("mae", "rmse")]
    panel = {"title": None, "x": list(range(1, len(steps) + 1)), "series": series, "band": None}
    unit = evaluation["unit"] or "original units"
    return _figure("error_by_step", f"{model}: error by step of {evaluation['target']}", [panel], "step", unit)


def evenly(count: int, most: int) -> list[int]:
    """At most so many of ``count`` places, the first and the last among them."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return chosen


def _histogram(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts and edges; values that differ by rounding alone are in one bin."""
    if not len(values):
        return np.zeros(0, int), np.zeros(1)
    low, high = float(values.min()), float(values.max())
    if high - low <= _BINS * np.spacing(max(abs(low), abs(high))) * 4:
        return np.array([len(values)]), np.array([low - 0.5, high + 0.5])
    return np.histogram(values, bins=_BINS, range=(low, high))


def _window(models: Sequence[Forecasts], window: int, axis: str, scaled: bool) -> dict[str, Any]:
    first = models[0].arrays
    times = first["reference_times"][window] + first["offsets"]
    alone = len(models) == 1
    series, band = [], None
    targets: set[str] = set()
    for one in models:
        named = "" if alone else f" ({one.model}, {one.target})"

        def shown(name: str, one: Forecasts = one) -> list[float | None]:
            values = one.arrays[name][window]
            return _numbers(one.scaler.apply(values) if scaled else values)

        if one.target not in targets:
            series.append({"name": "actual" if alone else f"actual ({one.target})", "values": shown("truth")})
            targets.add(one.target)
        series.append({"name": f"forecast{named}", "values": shown("forecast")})
        if alone:
            series.append({"name": "seasonal naive", "values": shown("baseline_seasonal_naive")})
            if "lower_90" in one.arrays:
                band = {"name": "90 % interval", "lower": shown("lower_90"), "upper": shown("upper_90")}
    x: list[Any] = _times(times) if axis == "utc" else list(range(1, len(times) + 1))
    return {"title": f"window {window}, {_times(times[:1])[0]}", "x": x, "series": series, "band": band}


def _figure(
    plot: str,
    title: str,
    panels: list[dict[str, Any]],
    x_label: str,
    y_label: str,
    *,
    log_y: bool = False,
    shared_y: bool = False,
) -> Figure:
    return {
        "plot": plot,
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "log_y": log_y,
        "shared_y": shared_y,
        "panels": [{"bars": False, **panel} for panel in panels],
    }


def _numbers(values: NDArray[Any]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _times(nanoseconds: NDArray[Any]) -> list[str]:
    moments = nanoseconds.astype("datetime64[ns]").astype("datetime64[ms]")
    return [f"{moment}Z" for moment in np.datetime_as_string(moments)]
