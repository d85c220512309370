"""What lies in a folder while others write and delete in it."""

from __future__ import annotations

import os
from pathlib import Path


def files_below(folder: Path) -> set[Path]:
    """Every file below the folder, as deep as it goes; none when there is no such folder.

    ``Path.rglob`` of Python 3.11 fails when a folder goes away that it is about to enter; ``os.walk`` passes over it.
    """
    return {Path(parent, name) for parent, _, names in os.walk(folder) for name in names}
