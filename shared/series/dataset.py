"""From series and a configuration to a dataset: windows, features, parts, scalers, and what was dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shared.series.calendar_columns import feature_of_each_column
from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.configuration_fields import Scale
from shared.series.drops import drop_report
from shared.series.fitting import Columns, fit_scalers
from shared.series.maker import DEFAULT_MEMORY_BYTES, SeriesByPlace, Side, WindowMaker
from shared.series.metrics import naive_error
from shared.series.scalers import Scaler
from shared.series.season import find_season, on_grid
from shared.series.selection import Selection, select_windows
from shared.series.series import NANOSECONDS_PER_HOUR, Series, Times, Values
from shared.series.shortage import not_enough
from shared.series.splits import Fold, Indices, Parts, rolling_origins
from shared.series.windows import target_step
from shared.shares import TellShare, nobody, part_of

ArrayName = Literal["inputs", "targets", "inputs_scaled", "targets_scaled"]
_LONGEST_GRID = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """A target's own past: its rows, its season in steps, and the error of repeating it, which MASE divides by."""

    series: Series
    season_steps: int
    naive_error: float | None


@dataclass(frozen=True, slots=True)
class FittedFold:
    """A fold of a back-test and the scalers of its training windows."""

    fold: Fold
    scalers: dict[Side, list[Scaler]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Windows ``inputs`` (n, I, F_in) and ``targets`` (n, O, F_out), made when they are asked for.

    ``reference_times`` (n,) in ns; ``parts`` index the windows; scalers are in the order of the features.
    """

    reference_times: Times
    parts: Parts
    scalers: dict[Side, list[Scaler]]
    folds: list[FittedFold]
    report: dict[str, Any]
    """What became of the reference times (see ``drops.py``)."""
    series: list[dict[str, Any]]
    """What each configured series is, in the configuration's order."""
    targets: list[Target]
    _maker: WindowMaker
    _kept: NDArray[np.bool_]

    @property
    def features(self) -> dict[Side, list[str]]:
        """The columns' names, in order."""
        return self._maker.features

    def shape(self, name: ArrayName) -> tuple[int, int, int]:
        """Windows, steps, features."""
        side = _side(name)
        return len(self.reference_times), self._maker.steps[side], len(self.features[side])

    def blocks(self, name: ArrayName, dtype: DTypeLike = np.float64) -> Iterator[NDArray[Any]]:
        """The array's windows in order, some at a time: in original units, or scaled.

        The next block takes the place of the last: copy what is to be kept.
        """
        side = _side(name)
        buffer = np.empty((self._maker.block, *self.shape(name)[1:]), dtype)
        for span in self._maker.spans():
            chosen = self._kept[span]
            block = buffer[: np.count_nonzero(chosen)]
            for place, column in self._maker.columns(side, span, chosen) if len(block) else ():
                found = column.mapped(self.scalers[side][place].apply) if name.endswith("_scaled") else column
                for step, values in enumerate(found.steps()):
                    block[:, step, place] = values
            yield block

    def array(self, name: ArrayName, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """All of it in memory."""
        whole, start = np.empty(self.shape(name), dtype), 0
        for block in self.blocks(name, dtype):
            whole[start : start + len(block)] = block
            start += len(block)
        return whole


def build_dataset(
    configuration: Configuration,
    series: SeriesByPlace,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    windowing: TellShare = nobody,
    scaling: TellShare = nobody,
) -> Dataset:
    """Look at all windows, cut parts, learn scalers. Raises INSUFFICIENT_DATA; RESOURCE_EXHAUSTION for sizes.

    Beside the series it takes some bytes for each window and blocks of some megabytes, however large the dataset is;
    ``memory_bytes`` bounds what is kept beyond that, to be found faster a second time. ``windowing`` is told how many
    of the windows were looked at, then ``scaling`` how much of what the scalers are learned from.
    """
    found = select_windows(configuration, series, memory_bytes, windowing)
    maker, references, parts = found.maker, found.reference_times, found.parts
    report = drop_report(found.blame, maker.entries, maker.references)
    if found.missing:
        raise not_enough(configuration, series, found, report)
    fitted = np.arange(len(references)) if configuration.scaling.fit == "all" else parts.train
    entries = [(entry, series[place]) for place, entry in enumerate(configuration.series)]
    training_end = int(references[parts.train].max())
    folds = rolling_origins(references, configuration.split, len(parts.test), found.reach)
    # Those of a fold know its training windows alone.
    windows = [fitted, *(np.arange(fold.train_stop) for fold in folds)]
    scalers = [
        _fit(configuration, found, chosen, part_of(scaling, number / len(windows), (number + 1) / len(windows)))
        for number, chosen in enumerate(windows)
    ]
    return Dataset(
        reference_times=references,
        parts=parts,
        scalers=scalers[0],
        folds=[FittedFold(fold, learned) for fold, learned in zip(folds, scalers[1:], strict=True)],
        report=report,
        series=[
            {"name": entry.label, "role": entry.role, "kind": entry.kind, "unit": entry.unit, **one.describe()}
            for entry, one in entries
        ],
        targets=[_target(configuration, entry, one, training_end) for entry, one in entries if entry.role == "output"],
        _maker=maker,
        _kept=found.blame.kept,
    )


def _side(name: ArrayName) -> Side:
    return "inputs" if name.startswith("inputs") else "targets"


def _fit(configuration: Configuration, found: Selection, windows: Indices, tell: TellShare) -> dict[Side, list[Scaler]]:
    """Scalers learned from these windows alone."""
    maker, kept = found.maker, found.blame.kept
    fitted = np.zeros(len(kept), dtype=bool)
    fitted[np.flatnonzero(kept)[windows]] = True
    spans = [span for span in maker.spans() if fitted[span].any()]
    scales: dict[Side, list[Scale | None]] = {
        "inputs": [entry.scale for entry in configuration.inputs]
        + [feature.scale for feature in feature_of_each_column(configuration)],
        "targets": [entry.scale for entry in configuration.outputs],
    }

    def columns(side: Side) -> Columns:
        return lambda wanted: (maker.columns(side, span, fitted[span], wanted) for span in spans)

    kind = configuration.scaling.kind
    told: dict[Side, TellShare] = {"inputs": part_of(tell, 0.0, 0.5), "targets": part_of(tell, 0.5, 1.0)}
    return {side: fit_scalers(columns(side), scales[side], kind, blocks=len(spans), tell=told[side]) for side in scales}


def _target(configuration: Configuration, entry: SeriesConfiguration, series: Series, training_end: int) -> Target:
    """What of a target's past is needed later; season and error from the training part, its newest steps if many."""
    step = target_step(entry, configuration.time_steps)
    known = series.until(training_end)
    start = max(series.first, series.first + ((training_end - series.first) // step - _LONGEST_GRID) * step)
    grid = on_grid(known, start, training_end, step)
    season = _season(configuration, step, grid)
    return Target(series, season, naive_error(grid, season))


def _season(configuration: Configuration, step: int, grid: Values) -> int:
    if configuration.season_hours is not None:
        return max(1, round(configuration.season_hours * NANOSECONDS_PER_HOUR / step))
    return find_season(grid)
