"""From a data set's parts and a model's forecasts to quantile forecasts, and how good those are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.trainer.calibration import FEWEST_WINDOWS, Outcomes, Values, calibrate
from shared.series.artifact import StoredDataset
from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.probabilistic import QUANTILES, interval_level, measure_quantiles, undefined
from shared.series.windows import sample_offsets, step_interval

WIDEST = round(100 * interval_level(0))
"""What the widest interval should hold, in percent of the truths."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """``document`` is how good they are; ``quantiles`` (n_test, O, len(QUANTILES)), None where undefined.

    ``calibration`` is what turns a later forecast into quantiles: add ``offsets[step]``.
    """

    document: dict[str, Any]
    quantiles: Values | None
    calibration: dict[str, Any]


def find_intervals(
    dataset: StoredDataset, configuration: Configuration, target: int, validation: Values, test: Values
) -> Intervals:
    """Of one target's forecasts (n, O) of the validation and the test part, in original units."""
    adapts = not configuration.split.shuffle
    truths = outcomes(dataset, configuration, target, "test", test)
    errors = outcomes(dataset, configuration, target, "validation", validation)
    if adapts:
        # Without an embargo the last of them are not known yet when the test part begins.
        errors = errors.known_before(int(truths.reference_times[0]))
    windows = len(errors.truth)
    calibration: dict[str, Any] = {"quantiles": QUANTILES, "calibrated_on": windows, "offsets": None}
    if windows < FEWEST_WINDOWS:
        reason = f"{windows} validation windows are known by then, and calibrating takes {FEWEST_WINDOWS}"
        return Intervals(undefined(reason) | {"calibrated_on": windows, "adapts": False}, None, calibration)
    found = calibrate(errors, truths, adapt=adapts)
    measured = measure_quantiles(truths.truth, found.quantiles)
    return Intervals(
        measured | {"calibrated_on": windows, "adapts": adapts},
        found.quantiles,
        calibration | {"offsets": found.offsets.tolist()},
    )


def outcomes(
    dataset: StoredDataset, configuration: Configuration, target: int, part: str, forecast: Values
) -> Outcomes:
    """The part's forecasts (n, O) beside what came, and when that was known."""
    chosen = dataset.parts[part]
    references = dataset.reference_times[chosen]
    return Outcomes(
        reference_times=references,
        known_at=_known_at(
            configuration.outputs[target], references, forecast.shape[1], dataset.histories[target].times
        ),
        forecast=forecast,
        truth=dataset.targets[chosen, :, target],
    )


def _known_at(
    entry: SeriesConfiguration, references: NDArray[np.int64], steps: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(n, O) in ns: the end of what a step averages over, or the first row at or behind its sample time."""
    if entry.average:
        return np.repeat((references + sample_offsets(entry.horizon, 2)[-1])[:, None], steps, axis=1)
    moments: NDArray[np.int64] = references[:, None] + sample_offsets(entry.horizon, steps)[None, :]
    if entry.method == "mean":
        return moments + step_interval(entry.horizon, steps)[1]
    behind: NDArray[np.int64] = rows[np.minimum(np.searchsorted(rows, moments), len(rows) - 1)]
    return np.maximum(moments, behind)
