"""A fold of a back-test as a data set of its own: its windows, its parts, its scalers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series.artifact import StoredDataset
from shared.series.configuration import Split
from shared.series.scalers import Scaler
from shared.series.splits import Indices


def fold_dataset(dataset: StoredDataset, split: Split, number: int) -> StoredDataset:
    """The fold of that number: what it trains on and is tested with, scaled as its training windows ask for.

    Its validation part is the end of its training windows, of the share and as long after the rest as in the data set's
    own split; none, where nothing would be left to train on. Season and the denominator of MASE stay those of the data
    set, so that folds compare. The windows are copied up to the end of the fold's test.
    """
    fold = dataset.manifest["backtests"][number]
    stop, scalers = fold["test_stop"], fold["scalers"]
    train, validation = _cut(fold["train_stop"], split, dataset)
    parts = {"train": train, "validation": validation, "test": np.arange(fold["test_start"], stop, dtype=np.int64)}
    before = dataset.manifest["scalers"]
    return replace(
        dataset,
        inputs_scaled=_rescaled(dataset.inputs_scaled[:stop], before["inputs"], scalers["inputs"]),
        targets_scaled=_rescaled(dataset.targets_scaled[:stop], before["targets"], scalers["targets"]),
        targets=dataset.targets[:stop],
        reference_times=dataset.reference_times[:stop],
        parts=parts,
        manifest={
            **dataset.manifest,
            "scalers": scalers,
            "windows": stop,
            "split": {name: len(part) for name, part in parts.items()},
        },
    )


def _cut(count: int, split: Split, dataset: StoredDataset) -> tuple[Indices, Indices]:
    """Training and validation windows of the first ``count`` ones."""
    every, times = np.arange(count, dtype=np.int64), dataset.reference_times
    start = count - round(count * split.validation / (split.train + split.validation))
    own = dataset.parts
    if start == count or not len(own["validation"]):
        return every, every[count:]
    # In time, not in windows: where windows are missing, fewer of them reach as far.
    gap = times[own["validation"][0]] - times[own["train"][-1]]
    kept = int(np.searchsorted(times[:start], times[start] - gap, side="right"))
    return (every[:kept], every[start:]) if kept else (every, every[count:])


def _rescaled(
    windows: NDArray[np.float32], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> NDArray[np.float32]:
    """Windows (n, steps, columns), each column back to original units and scaled anew."""
    found = np.empty_like(windows)
    for column, (old, new) in enumerate(zip(before, after, strict=True)):
        original = Scaler.from_json(old).inverse(windows[..., column].astype(np.float64))
        found[..., column] = Scaler.from_json(new).apply(original)
    return found
