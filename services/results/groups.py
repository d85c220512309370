"""The arrays of one trained model's results, by group (contracts section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series.artifact import StoredDataset


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of an array, looked up a slice at a time: a file that is mapped comes into memory block by block."""

    array: NDArray[Any]
    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return len(self.rows), *self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: slice) -> NDArray[Any]:
        chosen: NDArray[Any] = self.array[self.rows[place]]
        return chosen


Groups = dict[str, dict[str, NDArray[Any] | Chosen]]
"""By group and name; the arrays of a group have a row for each of its windows."""
Constants = dict[str, dict[str, NDArray[Any]]]
"""By group and name: what is not by window."""


def result_groups(dataset: StoredDataset, target: int, forecasts: dict[str, NDArray[Any]]) -> tuple[Groups, Constants]:
    """Train, validation and test windows (scaled, as the model saw them) and the forecasts in original units.

    Then what of these is not by window: the forecasts' offsets from the reference times, in ns.
    """
    groups: Groups = {}
    for part, name in (("train", "train_data"), ("validation", "val_data"), ("test", "test_data")):
        chosen = dataset.parts[part]
        groups[name] = {
            "X": Chosen(dataset.inputs_scaled, chosen),
            "y": Chosen(dataset.targets_scaled[..., target : target + 1], chosen),
            "reference_times": Chosen(dataset.reference_times, chosen),
        }
    groups["forecasts"] = {name: array for name, array in forecasts.items() if name != "offsets"}
    return groups, {"forecasts": {"offsets": forecasts["offsets"]}}
