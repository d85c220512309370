"""What to ask for instead of a dataset for which memory did not suffice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.database.pool import Record
from shared.series.advice import Setting, sentence

_SHARE = 4
_MEBIBYTE = 1024**2


def smaller_dataset(specification: dict[str, Any]) -> list[str]:
    """Memory is taken by the rows of the series first, by the number of windows second."""
    # Here, where something died, alone: it starts threads as it is imported.
    import polars as pl

    rows = {
        entry["name"]: pl.scan_parquet(Path(entry["path"])).select(pl.len()).collect().item()
        for entry in specification["files"]
    }
    longest = max(rows, key=lambda name: rows[name])
    limit = specification["memory_bytes"] // _MEBIBYTE
    return [
        f"Use a shorter period: at most {rows[longest] // _SHARE} rows of {longest!r}, which has {rows[longest]}, "
        "and the same period of the others.",
        _fewer_windows(specification["configuration"]),
        f"Whoever runs this Foretide may raise FORETIDE_DATASET_MEMORY_BYTES from {limit} to {limit * _SHARE} MiB.",
    ]


def fewer_windows(row: Record) -> list[str]:
    """Of a dataset whose workers were lost."""
    return [_fewer_windows(row["configuration"]), "Or use a shorter period."]


def _fewer_windows(configuration: dict[str, Any]) -> str:
    step = float(configuration["time_steps"]["step_minutes"])
    return sentence([Setting("time_steps.step_minutes", step, step * _SHARE)])
