"""What to send instead of a file for which memory did not suffice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SHARE = 4
_MEGABYTE = 1e6


def smaller_file(specification: dict[str, Any]) -> list[str]:
    """Of a file that is read: a quarter of its bytes at a time."""
    size = Path(specification["csv"]).stat().st_size
    name = specification["file_name"]
    return [
        f"Split {name!r} ({_shown(size)}) into files of at most {_shown(size / _SHARE)}, by columns or by time.",
        "Leave out columns that you do not need.",
    ]


def shorter_period(specification: dict[str, Any]) -> list[str]:
    """Of a file for which a forecast is chosen: the newest quarter of its rows, or one target."""
    rows = specification["analysis"]["row_count"]
    return [
        f"Upload a shorter period: the newest {rows // _SHARE} of its {rows} rows.",
        "Name one of the columns as targetColumns.",
    ]


def _shown(size: float) -> str:
    return f"{size / _MEGABYTE:.3g} MB"
