"""Folders of the data directory, made with the right to look into them given to nobody else."""

from __future__ import annotations

import os
from pathlib import Path


def make_private(folder: Path) -> None:
    """Make ``folder``, for its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def make_passable(folder: Path) -> None:
    """Make ``folder``; of root's, others may pass through (as PostgreSQL's account must) but not list it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
