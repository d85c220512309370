"""How far a fit got, in one file that is there whole or not at all; nothing in it is pickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_FORMAT = 1
"""To be raised whenever what models keep changes its meaning: older checkpoints are then not continued."""
_DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``state`` is plain JSON; ``arrays`` are in groups, each in the order in which they are put back."""

    state: dict[str, Any]
    arrays: dict[str, list[NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """Where a fit keeps its newest checkpoint, and may find the one of an attempt before it.

    ``identity``: all that makes one fit the same as another, as plain JSON. ``on_written`` is told the epoch;
    ``on_refused``, why the file that was found is of no use, or none could be written.
    """

    path: Path
    identity: dict[str, Any]
    on_written: Callable[[int], None]
    on_refused: Callable[[str], None]

    def read(self) -> Checkpoint | None:
        """None where there is no file, or none that this fit can be continued from."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                document = orjson.loads(stored[_DOCUMENT].tobytes())
                differences = self._differences(document)
                if differences:
                    self.on_refused(f"it is of another {', '.join(differences)}")
                    return None
                arrays = {
                    group: [stored[f"{group}/{place}"] for place in range(count)]
                    for group, count in document["groups"].items()
                }
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            self.on_refused(f"it cannot be read: {error}")
            return None
        return Checkpoint(document["state"], arrays)

    def write(self, checkpoint: Checkpoint, epoch: int) -> None:
        """Replace the one before; whoever reads that one still reads it whole.

        Where that fails, training goes on without: a full disk costs what an interruption would cost, no more.
        """
        document = {
            "identity": {"format": _FORMAT, **self.identity},
            "state": checkpoint.state,
            "groups": {group: len(arrays) for group, arrays in checkpoint.arrays.items()},
        }
        arrays = {
            f"{group}/{place}": array
            for group, members in checkpoint.arrays.items()
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
            self.on_written(epoch)

    def _differences(self, document: dict[str, Any]) -> list[str]:
        own, found = {"format": _FORMAT, **self.identity}, document["identity"]
        return sorted(key for key in own.keys() | found.keys() if own.get(key) != found.get(key))
