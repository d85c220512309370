"""The forecasts of the test part as a CSV file: a row for each window and step, in original units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from services.results.columnar import ResultsTable

_BASELINE = "baseline_"
_ROWS_AT_ONCE = 200_000
_ISO = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_csv(table: ResultsTable, path: Path) -> None:
    """Columns: reference_time, step (from 1), time (both ISO 8601, UTC), actual, forecast, the interval, baselines.

    What is no number is empty. Numbers and times alone: nothing that a spreadsheet would run.
    """
    offsets = table.once["forecasts"]["offsets"]
    windows, steps = table.windows("forecasts"), len(offsets)
    at_once = max(1, _ROWS_AT_ONCE // max(1, steps))
    with path.open("wb") as file:
        for start in range(0, max(1, windows), at_once):
            _rows(table, offsets, start, min(start + at_once, windows)).write_csv(
                file, include_header=start == 0, datetime_format=_ISO
            )


def _rows(table: ResultsTable, offsets: np.ndarray, start: int, stop: int) -> pl.DataFrame:
    block = table.read("forecasts", start=start, stop=stop)
    references = block.pop("reference_times")
    block.pop("offsets")
    actual, forecast = block.pop("truth"), block.pop("forecast")
    frame = pl.DataFrame(
        {
            "reference_time": _moments(np.repeat(references, len(offsets))),
            "step": np.tile(np.arange(1, len(offsets) + 1), len(references)),
            "time": _moments((references[:, None] + offsets[None, :]).ravel()),
            "actual": actual.ravel(),
            "forecast": forecast.ravel(),
            **{name.removeprefix(_BASELINE): block[name].ravel() for name in sorted(block, key=_intervals_first)},
        }
    )
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def _moments(times: np.ndarray) -> pl.Series:
    return pl.Series(values=times, dtype=pl.Int64).cast(pl.Datetime("ns"))


def _intervals_first(name: str) -> tuple[bool, str]:
    return name.startswith(_BASELINE), name
