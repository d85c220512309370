"""How far a job's fits got, in one file that is there whole or not at all; nothing in it is pickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_FORMAT = 2
"""To be raised whenever what models keep changes its meaning: older checkpoints are then not continued."""
_DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Of one fit, after so many epochs.

    ``state`` is plain JSON; ``arrays`` are in groups, each in the order in which they are put back.
    """

    epoch: int
    state: dict[str, Any]
    arrays: dict[str, list[NDArray[Any]]]


@dataclass(slots=True)
class _Fits:
    """The newest checkpoint of each fit, by name; what the file holds, once that was read."""

    by_name: dict[str, Checkpoint] = field(default_factory=dict)
    are_read: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """Where a fit keeps its newest checkpoint, and may find the one of an attempt before it.

    A job's fits, the members of an ensemble and the folds of a back-test among them, share the file (:meth:`of`).
    ``identity``: all that makes one job the same as another, as plain JSON. ``on_written`` is told how many epochs all
    fits have; ``on_refused``, why the file that was found is of no use, or none could be written.
    """

    path: Path
    identity: dict[str, Any]
    on_written: Callable[[int], None]
    on_refused: Callable[[str], None]
    fit: str = "model"
    _fits: _Fits = field(default_factory=_Fits)

    def of(self, part: str) -> CheckpointFile:
        """The same file, for a fit that is a part of this one."""
        return replace(self, fit=f"{self.fit}/{part}")

    def read(self) -> Checkpoint | None:
        """None where there is no file, or none that this fit can be continued from."""
        if not self._fits.are_read:
            self._fits.by_name.update(self._read())
            self._fits.are_read = True
        return self._fits.by_name.get(self.fit)

    def keep(self, checkpoint: Checkpoint) -> None:
        """To be written with the next fit's: this one has ended, and needs less than it did."""
        self._fits.by_name[self.fit] = checkpoint

    def _read(self) -> dict[str, Checkpoint]:
        if not self.path.exists():
            return {}
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                document = orjson.loads(stored[_DOCUMENT].tobytes())
                differences = self._differences(document)
                if differences:
                    self.on_refused(f"it is of another {', '.join(differences)}")
                    return {}
                return {name: _one(stored, name, fit) for name, fit in document["fits"].items()}
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            self.on_refused(f"it cannot be read: {error}")
            return {}

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the one before; whoever reads that one still reads it whole.

        Where that fails, training goes on without: a full disk costs what an interruption would cost, no more.
        """
        self.keep(checkpoint)
        fits = self._fits.by_name
        document = {
            "identity": {"format": _FORMAT, **self.identity},
            "fits": {
                name: {
                    "epoch": fit.epoch,
                    "state": fit.state,
                    "groups": {group: len(arrays) for group, arrays in fit.arrays.items()},
                }
                for name, fit in fits.items()
            },
        }
        arrays = {
            f"{name}/{group}/{place}": array
            for name, fit in fits.items()
            for group, members in fit.arrays.items()
            for place, array in enumerate(members)
        }
        arrays[_DOCUMENT] = np.frombuffer(orjson.dumps(document), dtype=np.uint8)
        partial = self.path.with_name(f"{self.path.name}.part")
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            partial.replace(self.path)
        except OSError as error:
            self.on_refused(f"it cannot be written: {error}")
        else:
            self.on_written(sum(fit.epoch for fit in fits.values()))

    def _differences(self, document: dict[str, Any]) -> list[str]:
        own, found = {"format": _FORMAT, **self.identity}, document["identity"]
        return sorted(key for key in own.keys() | found.keys() if own.get(key) != found.get(key))


def _one(stored: Mapping[str, NDArray[Any]], name: str, fit: dict[str, Any]) -> Checkpoint:
    arrays = {
        group: [stored[f"{name}/{group}/{place}"] for place in range(count)] for group, count in fit["groups"].items()
    }
    return Checkpoint(fit["epoch"], fit["state"], arrays)
