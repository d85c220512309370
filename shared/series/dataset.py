"""From series and a configuration to a dataset: windows, features, parts, scalers, and what was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.configuration import MAX_VALUES, Configuration, Scale, SeriesConfiguration
from shared.series.references import reference_times
from shared.series.scalers import Scaler, apply_all, fit_scaler
from shared.series.season import find_season, on_grid
from shared.series.series import NANOSECONDS_PER_HOUR, Series, Times, Values
from shared.series.splits import Parts, split_windows
from shared.series.time_features import CYCLES, feature_names, time_features
from shared.series.windows import Drop, sample, target_step

SeriesByPlace = Mapping[int, Series]
"""Each configured series by its place in ``configuration.series``."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """``inputs`` (n, I, F_in) and ``targets`` (n, O, F_out) in original units and scaled, ``reference_times`` (n,)."""

    inputs: Values
    targets: Values
    inputs_scaled: Values
    targets_scaled: Values
    reference_times: Times
    input_features: list[str]
    target_features: list[str]
    input_scalers: list[Scaler]
    target_scalers: list[Scaler]
    parts: Parts
    dropped: list[dict[str, Any]]
    target_series: list[Series]
    season_steps: list[int]
    naive_grid: list[Values]
    """For each target its series on the grid of the target's step, over the training part: MASE's denominator."""


def build_dataset(configuration: Configuration, series: SeriesByPlace) -> Dataset:
    """Make all windows. Raises INSUFFICIENT_DATA, or DATA_VALIDATION for sizes out of bounds."""
    inputs = [(entry, series[place]) for place, entry in enumerate(configuration.series) if entry.role == "input"]
    outputs = [(entry, series[place]) for place, entry in enumerate(configuration.series) if entry.role == "output"]
    grid = reference_times([one for _, one in inputs], configuration.time_steps)
    _check_size(configuration, grid.count)
    references = grid.times()
    steps = configuration.time_steps
    sampled_inputs = [sample(one, entry, references, steps.input) for entry, one in inputs]
    sampled_targets = [sample(one, entry, references, steps.output) for entry, one in outputs]
    causes = np.stack([found.causes for found in (*sampled_inputs, *sampled_targets)], axis=1)
    kept = ~causes.any(axis=1)
    dropped = _report(causes, [entry for entry, _ in (*inputs, *outputs)])
    references = references[kept]
    columns = [found.values[kept] for found in sampled_inputs] + time_features(configuration, references, steps.input)
    parts = split_windows(references, _span(configuration), configuration.split)
    _check_parts(parts, configuration, len(references), dropped)
    x, y = _stack(columns, steps.input), _stack([found.values[kept] for found in sampled_targets], steps.output)
    input_scales = [entry.scale for entry, _ in inputs] + _feature_scales(configuration)
    fitted = np.arange(len(references)) if configuration.scaling.fit == "all" else parts.train
    input_scalers = _fit(x[fitted], input_scales, configuration)
    target_scalers = _fit(y[fitted], [entry.scale for entry, _ in outputs], configuration)
    training_end = int(references[parts.train].max())
    grids = [_training_grid(one, target_step(entry, steps), training_end) for entry, one in outputs]
    return Dataset(
        inputs=x,
        targets=y,
        inputs_scaled=apply_all(input_scalers, x),
        targets_scaled=apply_all(target_scalers, y),
        reference_times=references,
        input_features=[*_names([entry for entry, _ in inputs]), *feature_names(configuration)],
        target_features=_names([entry for entry, _ in outputs]),
        input_scalers=input_scalers,
        target_scalers=target_scalers,
        parts=parts,
        dropped=dropped,
        target_series=[one for _, one in outputs],
        season_steps=[
            _season(configuration, target_step(entry, steps), grid)
            for (entry, _), grid in zip(outputs, grids, strict=True)
        ],
        naive_grid=grids,
    )


def _training_grid(series: Series, step: int, end: int) -> Values:
    return on_grid(series, int(series.times[0]), end, step)


def _season(configuration: Configuration, step: int, grid: Values) -> int:
    if configuration.season_hours is not None:
        return max(1, round(configuration.season_hours * NANOSECONDS_PER_HOUR / step))
    return find_season(grid)


def _stack(columns: list[Values], count: int) -> Values:
    return np.stack(columns, axis=-1) if columns else np.empty((0, count, 0))


def _names(entries: list[SeriesConfiguration]) -> list[str]:
    """Labels, made different where two series have the same."""
    seen: dict[str, int] = {}
    names = []
    for entry in entries:
        seen[entry.label] = seen.get(entry.label, 0) + 1
        names.append(entry.label if seen[entry.label] == 1 else f"{entry.label} ({seen[entry.label]})")
    return names


def _feature_scales(configuration: Configuration) -> list[Scale | None]:
    features = configuration.time_features
    cycles = [getattr(features, cycle) for cycle in CYCLES]
    scales = [feature.scale for feature in cycles if feature for _ in ("sine", "cosine")]
    return [*scales, features.holiday.scale] if features.holiday else scales


def _fit(values: NDArray[np.float64], scales: list[Scale | None], configuration: Configuration) -> list[Scaler]:
    return [fit_scaler(values[..., place], scale, configuration.scaling.kind) for place, scale in enumerate(scales)]


def _span(configuration: Configuration) -> tuple[int, int]:
    """First and last offset in ns that a series' sample has from the reference time; calendars know no leakage."""
    horizons = [entry.horizon for entry in configuration.series if entry.kind != "current"]
    first = min([horizon.start_hours for horizon in horizons] + [0.0])
    last = max([horizon.end_hours for horizon in horizons] + [0.0])
    return round(first * NANOSECONDS_PER_HOUR), round(last * NANOSECONDS_PER_HOUR)


def _report(causes: NDArray[np.int8], entries: list[SeriesConfiguration]) -> list[dict[str, Any]]:
    """How many windows were dropped, by their first cause and the series that had it."""
    places = np.where(causes.any(axis=1), (causes != 0).argmax(axis=1), -1)
    report = []
    for place, entry in enumerate(entries):
        for cause in Drop:
            count = int(np.count_nonzero((places == place) & (causes[:, place] == cause)))
            if count:
                report.append(
                    {"series": entry.label, "role": entry.role, "cause": cause.name.lower(), "windows": count}
                )
    return report


def _check_size(configuration: Configuration, references: int) -> None:
    steps = configuration.time_steps
    features = len(configuration.inputs) + len(feature_names(configuration))
    values = references * (steps.input * features + steps.output * len(configuration.outputs))
    if values > MAX_VALUES:
        raise ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="The dataset would be too large",
            detail=f"{references} windows of {steps.input} steps x {features} features are {values} numbers; "
            f"at most {MAX_VALUES} are taken.",
            recovery=["Use a larger time_steps.step_minutes.", "Use fewer steps or features."],
            status=422,
        )


def _check_parts(parts: Parts, configuration: Configuration, windows: int, dropped: list[dict[str, Any]]) -> None:
    needed = {"train": parts.train, "test": parts.test}
    if configuration.split.validation > 0:
        needed["validation"] = parts.validation
    empty = [name for name, indices in needed.items() if len(indices) == 0]
    if not empty:
        return
    worst = max(dropped, key=lambda entry: entry["windows"], default=None)
    recovery = ["Upload a longer period, or series that overlap in time.", "Use shorter horizons."]
    if parts.embargoed:
        recovery.append(f"Set split.embargo to false: it leaves out {parts.embargoed} windows at the borders.")
    if worst:
        recovery.append(f"Look at {worst['series']!r}: {worst['windows']} windows dropped ({worst['cause']}).")
    raise ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data points",
        detail=f"The series give {windows} windows; none is left for {', '.join(empty)}.",
        recovery=recovery,
        technical_details={"windows": windows, "embargoed": parts.embargoed, "dropped": dropped},
    )
